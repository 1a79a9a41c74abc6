package gate

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

const orderSchema = `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"amount":{"multipleOf":0.01}},"additionalProperties":false}`

func judging(schema string) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) {
		r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: schema}
	}
}

func sending(body string) func(*http.Request) {
	return carrying("application/json", strings.NewReader(body), int64(len(body)))
}

// A body that the schema does not admit is refused with each fault and nothing of the value,
// one that no schema can judge as what it is.
func TestBodiesAreHeldAgainstTheSchema(t *testing.T) {
	t.Parallel()
	g := newGate(t, judging(orderSchema))
	for _, row := range []struct {
		method, body string
		status       int
		errors       []problem.Error
	}{
		{"POST", `{"id":1,"amount":19.99}`, 0, nil},
		{"POST", ` {"id":12345678901234567890123} `, 0, nil},
		{"POST", `{"amount":19.999,"extra":"canary"}`, 422, []problem.Error{
			{Pointer: "/amount", Rule: "jsonSchema", Keyword: "multipleOf"}, {Pointer: "/extra", Rule: "jsonSchema", Keyword: "additionalProperties"},
			{Pointer: "/id", Rule: "jsonSchema", Keyword: "required"},
		}},
		{"POST", `"canary"`, 422, []problem.Error{{Rule: "jsonSchema", Keyword: "type"}}},
		{"POST", `{"id":1`, 400, nil},
		{"POST", `canary`, 400, nil},
		{"POST", `{"id":1,"id":"canary"}`, 400, nil},
		{"POST", `{"id":1e1000000000}`, 400, nil},
		{"POST", strings.Repeat("[", 600) + strings.Repeat("]", 600), 400, nil},
		{"POST", "", 400, nil},
		{"PATCH", "", 400, nil},
		{"GET", "", 0, nil},
		{"HEAD", "", 0, nil},
		{"DELETE", "", 0, nil},
		{"OPTIONS", "", 0, nil},
		{"GET", `{}`, 422, []problem.Error{{Pointer: "/id", Rule: "jsonSchema", Keyword: "required"}}},
	} {
		call, refusal, _ := admit(g, row.method, "/", sending(row.body))
		if statusOf(refusal) != row.status || (call == nil) == (refusal == nil) {
			t.Errorf("%s %.30s: %+v, want %d", row.method, row.body, refusal, row.status)
			continue
		}
		if refusal == nil {
			if string(call.Body) != row.body {
				t.Errorf("%s becomes %s", row.body, call.Body)
			}
			continue
		}
		if !cmp.Equal(row.errors, refusal.Errors) || !refusal.Read || strings.Contains(string(refusal.Append(nil)), "canary") {
			t.Errorf("%s %.30s: %s", row.method, row.body, refusal.Append(nil))
		}
	}
}

// Bytes in an encoding are not what a backend sees.
func TestEncodedBodiesAreNotJudged(t *testing.T) {
	t.Parallel()
	g := newGate(t, judging("true"))
	for coding, status := range map[string]int{"": 0, "identity": 0, " Identity ": 0, "gzip": 415, "identity, gzip": 415} {
		_, refusal, _ := admit(g, "POST", "/", sending("{}"), with("Content-Encoding", coding))
		if statusOf(refusal) != status {
			t.Errorf("%q: %+v, want %d", coding, refusal, status)
		}
		if status != 0 && (refusal.Field != "Accept-Encoding" || refusal.Values[0] != "identity") {
			t.Errorf("%q: the client is not told what is admitted: %+v", coding, refusal)
		}
	}
}

// A schema in a ConfigMap is read as it changes. While there is none no call passes, and a
// broken one leaves the last good one in use.
func TestTheSchemaOfAConfigMap(t *testing.T) {
	t.Parallel()
	tree := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(tree.Dir)})
	route := testkit.Route("orders", nil, func(r *routeconfig.Route) {
		r.Validation.JSONSchema = &routeconfig.JSONSchema{ConfigMap: &routeconfig.ConfigMapKey{Name: "schemas", Key: "order.json"}}
	})
	g, err := New(Options{Config: &route, Store: store, Via: "fanout-x"})
	if err != nil {
		t.Fatal(err)
	}
	list := route.References()
	if len(list) != 1 || list[0].Kind != routeconfig.KindConfigMap || list[0].Use != routeconfig.UseJSONSchema {
		t.Fatalf("what is read is %+v", list)
	}
	source := Schema(store, route.Namespace, routeconfig.ConfigMapKey{Name: list[0].Name, Key: list[0].Keys[0]})
	for _, row := range []struct {
		schema  string // none where it is empty
		status  int
		problem string
	}{
		{"", 503, ""},
		{`{"type":"strin"}`, 503, "line 1, column 9: "},
		{`{"type":"string"}`, 422, ""},
		{`{"type":"object"}`, 0, ""},
		{`{"type":"strin"}`, 0, "line 1, column 9: "},
	} {
		if row.schema != "" {
			tree.Mount(testkit.Namespace, list[0].Folder(), map[string]string{"order.json": row.schema})
			store.Reload([]string{"."})
		}
		_, refusal, _ := admit(g, "POST", "/", sending("{}"))
		if statusOf(refusal) != row.status || statusOf(refusal) == 503 && refusal.Values[0] != "1" {
			t.Errorf("%s: %+v, want %d", row.schema, refusal, row.status)
		}
		if p := source.Problem(); p != nil && !strings.HasPrefix(p.Message, row.problem) || p == nil && row.problem != "" {
			t.Errorf("%s: the problem is %+v", row.schema, p)
		}
	}
}

// What it takes to judge a body is taken from the call's memory, and given back.
func TestJudgingTakesMemory(t *testing.T) {
	t.Parallel()
	g := newGate(t, judging(`{"items":{"type":"integer"}}`))
	body := "[" + strings.Repeat("1,", 20_000) + "1]"
	for limit, status := range map[int64]int{64 << 20: 0, 600 << 10: 503, 2 << 20: 503} {
		budget := &memory.Budget{Limit: limit}
		r := testRequest("POST", sending(body))
		guest := Guest{Writer: nil, Request: r, Client: g.Client(r), Memory: budget.Open(g.Client(r))}
		refusal := g.judgeBody(&guest, &Admission{Call: callWith(body)})
		if statusOf(refusal) != status {
			t.Errorf("with %d bytes: %+v, want %d", limit, refusal, status)
		}
		if used := budget.Used(); used != 0 {
			t.Errorf("with %d bytes: %d are still taken", limit, used)
		}
	}
}

// A route without a schema has no step for one.
func TestNoSchemaIsNoStep(t *testing.T) {
	t.Parallel()
	with, without := newGate(t, judging("true")), newGate(t, func(*routeconfig.Route) {})
	if len(with.steps) != len(without.steps)+1 || without.schema != nil {
		t.Errorf("%d steps with a schema, %d without", len(with.steps), len(without.steps))
	}
	broken := testkit.Route("orders", nil, judging("{"))
	if _, err := New(Options{Config: &broken}); err == nil || !strings.Contains(err.Error(), "line 1, column 2") {
		t.Errorf("a schema that is none: %v", err)
	}
}

func testRequest(method string, modify ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	for _, m := range modify {
		m(r)
	}
	return r
}

func callWith(body string) fanout.Call { return fanout.Call{Body: []byte(body)} }
