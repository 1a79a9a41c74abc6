package gate

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

const ordersAPI = `{"openapi": "3.1.0", "paths": {"/orders": {
 "get": {"parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}}, {"name": "f", "in": "query", "style": "deepObject", "schema": {"type": "object", "additionalProperties": {"type": "integer"}}},
  {"name": "X-Tenant", "in": "header", "schema": {"enum": ["a"]}}, {"name": "Host", "in": "header", "required": true, "schema": {"enum": ["example.com", "h"]}}]},
 "post": {"requestBody": {"required": true, "content": {"application/json": {"schema": {"required": ["id"], "properties": {"price": {"multipleOf": 0.01}}}}, "text/plain": {}}}},
 "put": {"requestBody": {"content": {"application/json": {"schema": true}}}},
 "patch": {}
}}}`

// describing is a gate with a document, and its mounted ConfigMap.
func describing(t *testing.T, modify func(*routeconfig.Route), tally func(string)) (g *Gate, mount func(text string)) {
	t.Helper()
	tree := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(tree.Dir)})
	route := testkit.Route("orders", nil, func(r *routeconfig.Route) {
		r.Validation.OpenAPI = &routeconfig.OpenAPI{ConfigMap: routeconfig.ConfigMapKey{Name: "api", Key: "k"}}
	}, modify)
	g, err := New(Options{Config: &route, Store: store, Tally: tally})
	if err != nil {
		t.Fatal(err)
	}
	return g, func(text string) {
		tree.Mount(testkit.Namespace, "_api", map[string]string{"k": text})
		store.Reload([]string{"."})
	}
}

func unchanged(*routeconfig.Route) {}

// A call is one that the document describes: its operation, its parameters, its body. What is
// wrong is told by place, rule and keyword, and nothing of what was sent.
func TestCallsAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	g, mount := describing(t, unchanged, nil)
	if _, refusal, _ := admit(g, "GET", "/orders"); statusOf(refusal) != 503 || refusal.Kind != problem.Unjudged {
		t.Errorf("without a document: %+v", refusal)
	}
	mount(ordersAPI)
	limit, tenant := `query parameter "limit"`, `header parameter "X-Tenant"`
	for _, row := range []struct {
		method, target, contentType, body string
		status                            int
		kind                              problem.Kind
		errors                            []problem.Error
	}{
		{"GET", "/orders?limit=1", "", "", 0, 0, nil},
		{"GET", "http://h/orders?limit=1", "", "", 0, 0, nil},
		{"GET", "/orders?limit=canary", "", "", 400, problem.BadParameters, []problem.Error{{Rule: "openAPI", Keyword: "type", Message: limit}}},
		{"GET", "/orders?f[a]=canary", "", "", 400, problem.BadParameters, []problem.Error{{Pointer: "/a", Rule: "openAPI", Keyword: "type", Message: `query parameter "f"`}}},
		{"GET", "/orders?limit=canary", "X-Tenant", "", 400, problem.BadParameters, []problem.Error{
			{Rule: "openAPI", Keyword: "type", Message: limit}, {Rule: "openAPI", Keyword: "enum", Message: tenant},
		}},
		{"GET", "/other", "", "", 404, problem.NoOperation, nil},
		{"DELETE", "/orders", "", "", 404, problem.NoOperation, nil},
		{"POST", "/orders", "application/json", `{"id":1,"price":19.99}`, 0, 0, nil},
		{"POST", "/orders", "application/json", `{"canary":1,"price":19.999}`, 422, problem.InvalidBody, []problem.Error{
			{Pointer: "/id", Rule: "openAPI", Keyword: "required"}, {Pointer: "/price", Rule: "openAPI", Keyword: "multipleOf"},
		}},
		{"POST", "/orders", "application/json", "canary", 400, problem.NotJSON, nil},
		{"POST", "/orders", "text/plain", "canary", 0, 0, nil},
		{"POST", "/orders", "application/xml", "canary", 415, problem.UnsupportedType, nil},
		{"POST", "/orders", "", "canary", 415, problem.UnsupportedType, nil},
		{"POST", "/orders", "", "", 422, problem.InvalidBody, []problem.Error{{Rule: "openAPI", Keyword: "required"}}},
		{"PUT", "/orders", "", "", 0, 0, nil},
		{"PUT", "/orders", "application/json", "{}", 0, 0, nil},
		{"PATCH", "/orders", "", "anything", 0, 0, nil},
	} {
		_, refusal, _ := admit(g, row.method, row.target, carrying(row.contentType, strings.NewReader(row.body), int64(len(row.body))), func(r *http.Request) {
			if row.contentType == "X-Tenant" {
				r.Header = http.Header{"X-Tenant": {"canary"}}
			}
		})
		if refusal == nil {
			refusal = &Refusal{}
		}
		if refusal.Status != row.status || refusal.Kind != row.kind || !cmp.Equal(row.errors, refusal.Errors) || strings.Contains(string(refusal.Append(nil)), "canary") {
			t.Errorf("%s %s %s: %+v, want %d", row.method, row.target, row.body, refusal, row.status)
		}
	}
	_, refusal, _ := admit(g, "POST", "/orders", sending("{}"), func(r *http.Request) { r.Header["Content-Type"] = []string{"text/plain", "application/json"} })
	if statusOf(refusal) != 415 {
		t.Errorf("two media types: %+v", refusal)
	}
	if _, refusal, _ = admit(g, "POST", "/orders", sending(`{"id":1}`), with("Content-Encoding", "gzip")); statusOf(refusal) != 415 {
		t.Errorf("in an encoding: %+v", refusal)
	}
}

// A document that breaks leaves the last good one in use, and the handle says so.
func TestBrokenDocumentKeepsTheLastGoodOne(t *testing.T) {
	t.Parallel()
	g, mount := describing(t, unchanged, nil)
	mount(ordersAPI)
	mount("openapi: 3.1.0\npaths: {/a: {$ref: 'http://127.0.0.1/'}}")
	if _, refusal, _ := admit(g, "GET", "/orders?limit=canary"); statusOf(refusal) != 400 {
		t.Errorf("a broken document is in use: %+v", refusal)
	}
	if problem := g.described.api.Problem(); problem == nil || !problem.Stale || !strings.Contains(problem.Message, "line 2, column 20: http://127.0.0.1/: it is not part of the document") {
		t.Errorf("nobody hears of it: %v", problem)
	}
	mount(strings.Replace(ordersAPI, `"/orders"`, `"/new"`, 1))
	if _, refusal, _ := admit(g, "GET", "/new"); refusal != nil {
		t.Errorf("the next good one is not in use: %+v", refusal)
	}
}

// What the document does not describe passes where the route says so, and only counts where
// it reports.
func TestUnknownOperations(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		target string
		status int
		counts int
		modify func(*routeconfig.Route)
	}{
		{"/other", 404, 1, unchanged},
		{"/other", 0, 0, func(r *routeconfig.Route) { r.Validation.OpenAPI.PassUnknown = true }},
		{"/orders?limit=x", 400, 1, func(r *routeconfig.Route) { r.Validation.OpenAPI.PassUnknown = true }},
		{"/other", 0, 1, func(r *routeconfig.Route) { r.Validation.Report = true }},
		{"/orders?limit=x", 0, 1, func(r *routeconfig.Route) { r.Validation.Report = true }},
	} {
		counted := 0
		g, mount := describing(t, row.modify, func(rule string) {
			if rule == "openAPI" {
				counted++
			}
		})
		mount(ordersAPI)
		if _, refusal, _ := admit(g, "GET", row.target); statusOf(refusal) != row.status || counted != row.counts {
			t.Errorf("%s: %+v, want %d; counted %d", row.target, refusal, row.status, counted)
		}
	}
}
