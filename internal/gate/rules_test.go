package gate

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// ruled is a gate with rules, and what it tallies.
func ruled(t *testing.T, modify func(*routeconfig.Route), rules ...routeconfig.Rule) (g *Gate, tallied *[]string) {
	t.Helper()
	compiler, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	route := testkit.Route("orders", nil, func(r *routeconfig.Route) { r.Validation.Rules = rules }, modify)
	tallied = new([]string)
	g, err = New(Options{Config: &route, Expressions: compiler, Tally: func(rule string) { *tallied = append(*tallied, rule) }})
	if err != nil {
		t.Fatal(err)
	}
	return g, tallied
}

func orderRules() []routeconfig.Rule {
	return []routeconfig.Rule{
		{Name: "positive", Expression: "request.body.amount > 0", Message: "amount must be positive"},
		{Name: "region", Expression: "request.headers[?'x-region'].orValue('eu') == 'eu'", Message: "only eu"},
	}
}

// A call meets every rule, or reads the messages of all that it does not. What cannot be
// evaluated is not met.
func TestCallsMeetTheRules(t *testing.T) {
	t.Parallel()
	positive, region := problem.Error{Rule: "positive", Message: "amount must be positive"}, problem.Error{Rule: "region", Message: "only eu"}
	for _, row := range []struct {
		body, region string
		want         []problem.Error
	}{
		{`{"amount":1}`, "eu", nil},
		{`{"amount":0}`, "eu", []problem.Error{positive}},
		{`{"amount":1}`, "us", []problem.Error{region}},
		{`{"amount":-1}`, "us", []problem.Error{positive, region}},
		{`{}`, "eu", []problem.Error{positive}},
		{`no JSON`, "eu", []problem.Error{positive}},
		{``, "eu", []problem.Error{positive}},
		{`{"amount":"canary"}`, "eu", []problem.Error{positive}},
	} {
		g, tallied := ruled(t, func(*routeconfig.Route) {}, orderRules()...)
		_, refusal, _ := admit(g, "POST", "/", sending(row.body), with("X-Region", row.region))
		var got []problem.Error
		if refusal != nil {
			got = refusal.Errors
		}
		if !cmp.Equal(row.want, got) || (refusal == nil) != (row.want == nil) || refusal != nil && (refusal.Status != 422 || strings.Contains(string(refusal.Append(nil)), "canary")) {
			t.Errorf("%s, %s: %+v", row.body, row.region, refusal)
		}
		if len(*tallied) != len(row.want) {
			t.Errorf("%s, %s: counted %q", row.body, row.region, *tallied)
		}
	}
}

// With mode Report everything passes, and each rule is counted that would have refused. What
// is no matter of the mode is refused as ever.
func TestReportedCallsPass(t *testing.T) {
	t.Parallel()
	reporting := func(r *routeconfig.Route) {
		r.Validation.Report = true
		r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: `{"required":["id"]}`}
	}
	g, tallied := ruled(t, reporting, orderRules()...)
	for _, row := range []struct {
		body, coding string
		want         []string
	}{
		{`{"id":1,"amount":1}`, "", nil},
		{`{"amount":1}`, "", []string{"jsonSchema"}},
		{`{"amount":0}`, "", []string{"jsonSchema", "positive"}},
		{`no JSON`, "", []string{"jsonSchema", "positive"}},
		{`{"id":1,"amount":1}`, "gzip", []string{"jsonSchema"}},
	} {
		*tallied = nil
		call, refusal, _ := admit(g, "POST", "/", sending(row.body), with("Content-Encoding", row.coding))
		if refusal != nil || string(call.Body) != row.body || !slices.Equal(*tallied, row.want) {
			t.Errorf("%s: %+v, counted %q, want %q", row.body, refusal, *tallied, row.want)
		}
	}
	long := strings.Repeat(" ", int(testkit.Route("orders", nil).Validation.MaxBodySize)+1)
	if _, refusal, _ := admit(g, "POST", "/", sending(long)); statusOf(refusal) != 413 {
		t.Errorf("a body that is too large: %+v", refusal)
	}
}

// Calls that nobody could judge are counted by no rule: they pass where the route only reports,
// and are told to come back where it does not.
func TestCallsThatNobodyJudgedAreNotCounted(t *testing.T) {
	t.Parallel()
	for _, report := range []bool{true, false} {
		route := testkit.Route("orders", nil, func(r *routeconfig.Route) {
			r.Validation.Report = report
			r.Validation.JSONSchema = &routeconfig.JSONSchema{ConfigMap: &routeconfig.ConfigMapKey{Name: "none", Key: "schema"}}
		})
		var tallied []string
		g, err := New(Options{Config: &route, Store: creds.NewStore(creds.Options{Tree: os.DirFS(t.TempDir())}), Tally: func(rule string) { tallied = append(tallied, rule) }})
		if err != nil {
			t.Fatal(err)
		}
		_, refusal, _ := admit(g, "POST", "/", sending(`{"id":1}`))
		if (refusal == nil) != report || refusal != nil && refusal.Status != http.StatusServiceUnavailable || len(tallied) > 0 {
			t.Errorf("report %v: %+v, counted %q", report, refusal, tallied)
		}
	}
}

// A call that is refused holds no memory of what was read for it, and one that is admitted
// has its input for backends only where the route computes.
func TestRulesGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	g, _ := ruled(t, func(*routeconfig.Route) {}, orderRules()...)
	budget := &memory.Budget{Limit: 1 << 20}
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"amount":0}`))
	guest := Guest{Writer: httptest.NewRecorder(), Request: r, Client: g.Client(r), Memory: budget.Open(g.Client(r))}
	if _, refusal := g.Admit(&guest); statusOf(refusal) != 422 {
		t.Fatalf("%+v", refusal)
	}
	guest.Memory.Close()
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
	if _, err := New(Options{Config: &routeconfig.Route{Validation: routeconfig.Validation{Rules: []routeconfig.Rule{{Name: "a", Expression: "1"}}}}, Expressions: mustCompiler(t)}); err == nil {
		t.Error("a rule that is no condition is taken")
	}
}

func mustCompiler(t *testing.T) *expression.Compiler {
	t.Helper()
	c, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
