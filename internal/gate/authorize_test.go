package gate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// allowing is a gate with rules, each with its expression for a message.
func allowing(t *testing.T, rules ...string) *Gate {
	t.Helper()
	compiler, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	config := testkit.Route("orders", nil, func(r *routeconfig.Route) {
		r.Authorization = &routeconfig.Authorization{}
		for _, rule := range rules {
			r.Authorization.Rules = append(r.Authorization.Rules, routeconfig.AuthorizationRule{Expression: rule, Message: rule})
		}
	})
	g, err := New(Options{Config: &config, Via: "fanout-x", Expressions: compiler})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// bearing gives a request a body.
func bearing(r *http.Request, body io.Reader, length int64) {
	r.Body, r.ContentLength = io.NopCloser(body), length
}

func TestRulesAboutCallers(t *testing.T) {
	t.Parallel()
	const head, body, broken = "request.method != 'DELETE'", "request.body.amount < 10", "request.claims.role == 'admin'"
	for name, row := range map[string]struct {
		rules        []string
		method, body string
		refuses      string // the message
	}{
		"true of the call":            {[]string{head, body}, "POST", `{"amount":1}`, ""},
		"not true of the head":        {[]string{head, body}, "DELETE", `{"amount":1}`, head},
		"not true of the body":        {[]string{head, body}, "POST", `{"amount":10}`, body},
		"of neither: the head counts": {[]string{body, head}, "DELETE", `{"amount":10}`, head},
		"it cannot be evaluated":      {[]string{broken}, "GET", "", broken},
		"a body that is not there":    {[]string{body}, "POST", "", body},
		"a body that is no JSON":      {[]string{body}, "POST", "{", body},
		"one of two is not true":      {[]string{"true", "false", "true"}, "GET", "", "false"},
		"too dear":                    {[]string{"[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a+b+c+d+e > 0)))))"}, "GET", "", "*"},
	} {
		g := allowing(t, row.rules...)
		_, refusal, _ := admit(g, row.method, "/", func(r *http.Request) { bearing(r, strings.NewReader(row.body), int64(len(row.body))) })
		if row.refuses == "*" {
			row.refuses = row.rules[0]
		}
		if row.refuses == "" {
			if refusal != nil {
				t.Errorf("%s: %+v", name, refusal)
			}
			continue
		}
		if refusal == nil || refusal.Status != 403 || refusal.Detail != row.refuses || refusal.Kind.Slug() != "forbidden" {
			t.Errorf("%s: %+v, want 403 %s", name, refusal, row.refuses)
		}
	}
}

// untouchable is a body that nobody may read.
type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) {
	u.t.Error("the body is read of a call that its head refuses")
	return 0, errors.New("unread")
}

func TestNoBodyIsReadOfWhatItsHeadRefuses(t *testing.T) {
	t.Parallel()
	g := allowing(t, "request.headers.?x.orValue('') == 'y'", "request.body == 1")
	if _, refusal, _ := admit(g, "POST", "/", func(r *http.Request) { bearing(r, untouchable{t}, 1<<10) }); refusal == nil || refusal.Status != 403 {
		t.Errorf("%+v, want 403", refusal)
	}
}

// Whatever ends an evaluation, what it took is given back.
func TestPermissionsGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	g := allowing(t, "request.body.a.size() > 0 && request.query.size() == 0")
	large := `{"a":[` + strings.Repeat("1,", 10_000) + `1]}`
	for name, row := range map[string]struct {
		limit  int64
		target string
		status int
	}{
		"true": {1 << 30, "/", 0}, "not true": {1 << 30, "/?a=b", 403}, "no room": {int64(len(large)) + 4096, "/", 503},
	} {
		budget := &memory.Budget{Limit: row.limit}
		account := budget.Open(netip.Addr{})
		r := httptest.NewRequest(http.MethodPost, row.target, nil)
		bearing(r, strings.NewReader(large), int64(len(large)))
		a, refusal := g.Admit(&Guest{Writer: httptest.NewRecorder(), Request: r, Memory: account})
		if statusOf(refusal) != row.status {
			t.Errorf("%s: %+v, want %d", name, refusal, row.status)
		}
		if before := budget.Used(); a != nil {
			if a.CloseInput(); budget.Used() >= before {
				t.Errorf("%s: nothing of %d bytes is given back: this shows nothing", name, before)
			}
		}
		if left := budget.Used(); left > 64<<10 {
			t.Errorf("%s: %d bytes are held beside the body", name, left)
		}
		account.Close()
		if budget.Used() != 0 {
			t.Errorf("%s: %d bytes are left", name, budget.Used())
		}
	}
}

// A client that has left is told nothing.
func TestPermissionsEndWithTheirCall(t *testing.T) {
	t.Parallel()
	g := allowing(t, "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, a+b+c > 0)))")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, refusal, _ := admit(g, "GET", "/", func(r *http.Request) { *r = *r.WithContext(ctx) })
	if refusal == nil || !refusal.Gone {
		t.Errorf("%+v, want a call that is gone", refusal)
	}
}

// A rule that is none lets no plan be made: what it was to keep out would be let in.
func TestRulesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	config := routeconfig.Route{Authorization: &routeconfig.Authorization{Rules: []routeconfig.AuthorizationRule{{Expression: "request.caller ==", Message: "no"}}}}
	if _, err := New(Options{Config: &config, Expressions: mustCompiler(t)}); err == nil {
		t.Error("a gate was made")
	}
}
