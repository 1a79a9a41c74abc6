package openapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/openapi"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

// document is one with paths, in a version.
func document(version, paths string) string {
	return "openapi: " + version + "\ninfo: {title: t, version: '1'}\npaths:\n" + strings.TrimLeft(paths, "\n")
}

func compiled(t testing.TB, text string) *openapi.API {
	t.Helper()
	api, err := openapi.Compile(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return api
}

// asked is what a document says of a call: unknown, or the faults of its parameters.
func asked(api *openapi.API, method, target string, header ...string) string {
	path, query, _ := strings.Cut(target, "?")
	call := &openapi.Call{Method: method, Path: path, Query: query, Header: http.Header{}}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" { // net/http keeps it elsewhere
			call.Host = value
			continue
		}
		call.Header.Add(name, value)
	}
	operation, segments := api.Find(call)
	if operation == nil {
		return "unknown"
	}
	var list []string
	for _, f := range operation.Faults(call, segments) {
		list = append(list, strings.Join([]string{f.In, f.Name, f.Pointer, f.Keyword}, " "))
	}
	return strings.Join(list, ", ")
}

const shop = `
  /orders: {get: {operationId: all}, post: {}}
  /orders/new: {post: {operationId: new}}
  /orders/{id}: {get: {}, put: {}}
  /orders/{id}/items/{item}: {get: {}}
  /orders/new/items/{any}: {delete: {}}
  /{any}/new: {patch: {}}
  /files/{name}.{kind}: {get: {}}
  /files/report.{kind}: {put: {}}
  /files/{name}: {post: {}}
  /a%20b/c: {get: {}}
  /slash/: {get: {}}
  /head: {get: {}, head: {}}
servers:
- url: https://api.example.com/v1/
- url: "{scheme}://other.example.com/{stage}/v2"
- url: /
`

// An operation is found by method and path, below the path of any server, and the most
// concrete path of those that have the method counts.
func TestOperationsAreFound(t *testing.T) {
	t.Parallel()
	api := compiled(t, document("3.1.0", shop))
	for _, row := range []struct{ call, want string }{
		{"GET /orders", "found"},
		{"GET /v1/orders", "found"},
		{"GET /blue/v2/orders", "found"},
		{"GET /v2/orders", "unknown"},
		{"GET /v1/v1/orders", "unknown"},
		{"GET /v1", "unknown"},
		{"GET orders", "unknown"},
		{"DELETE /orders", "unknown"},
		{"GET /orders/", "unknown"},
		{"GET //orders", "unknown"},
		{"GET /orders/7", "found"},
		{"GET /orders/new", "found"},
		{"POST /orders/new", "found"},
		{"POST /orders/7", "unknown"},
		{"PATCH /orders/new", "found"},
		{"PATCH /orders/7", "unknown"},
		{"GET /orders/new/items/1", "found"},
		{"DELETE /orders/new/items/1", "found"},
		{"DELETE /orders/7/items/1", "unknown"},
		{"GET /orders/7/items/1/2", "unknown"},
		{"GET /orders/.", "unknown"},
		{"GET /orders/..", "unknown"},
		{"GET /orders/%2e%2E", "unknown"},
		{"GET /orders/...", "found"},
		{"GET /%6frders", "found"},
		{"GET /orders/a%2Fb", "found"},
		{"GET /orders/%zz", "found"},
		{"GET /files/a.pdf", "found"},
		{"GET /files/a", "unknown"},
		{"PUT /files/report.pdf", "found"},
		{"PUT /files/other.pdf", "unknown"},
		{"POST /files/a.pdf", "found"},
		{"GET /a%20b/c", "found"},
		{"GET /a b/c", "found"},
		{"GET /slash/", "found"},
		{"GET /slash", "unknown"},
		{"HEAD /orders/7", "found"},
		{"HEAD /orders/new/items", "unknown"},
		{"HEAD /head", "found"},
		{"TRACE /orders", "unknown"},
		{"get /orders", "unknown"},
	} {
		method, target, _ := strings.Cut(row.call, " ")
		got := asked(api, method, target)
		if got == "" {
			got = "found"
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.call, got, row.want)
		}
	}
}

// A variable of a server is no parameter of a path, whatever it is called and however many
// of them there are.
func TestVariablesOfServersAreNoParameters(t *testing.T) {
	t.Parallel()
	api := compiled(t, document("3.0.3", `
  /orders/{id}: {get: {parameters: [{name: id, in: path, required: true, schema: {type: integer}}]}}
servers: [{url: "https://x.example.com/api/{id}"}, {url: "/{stage}/v{id}.{id}"}, {url: /}]
`))
	for target, want := range map[string]string{
		"/api/5/orders/abc":   "path id  type",
		"/api/v1/orders/5":    "",
		"/5/v5.5/orders/abc":  "path id  type",
		"/blue/vx.y/orders/5": "",
		"/orders/abc":         "path id  type",
		"/orders/5":           "",
	} {
		if got := asked(api, "GET", target); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

// Servers of a path, and of an operation, stand for those of the document.
func TestServersOfPathsAndOperations(t *testing.T) {
	t.Parallel()
	api := compiled(t, document("3.0.3", `
  /a: {servers: [{url: /two}], get: {}, put: {servers: [{url: https://x.example.com}]}}
  /b: {get: {}}
servers: [{url: /one}]
`))
	for call, want := range map[string]string{
		"GET /one/a": "unknown", "GET /two/a": "", "PUT /two/a": "unknown", "PUT /a": "", "GET /one/b": "", "GET /b": "unknown",
	} {
		method, target, _ := strings.Cut(call, " ")
		if got := asked(api, method, target); got != want {
			t.Errorf("%s: got %q, want %q", call, got, want)
		}
	}
}

// The most concrete operation has a say, and no other one.
func TestTheMostConcretePathCounts(t *testing.T) {
	t.Parallel()
	limited := func(n int) string {
		return fmt.Sprintf("{get: {parameters: [{name: q, in: query, schema: {type: integer, maximum: %d}}]}}", n)
	}
	api := compiled(t, document("3.1.0", "  /{x}/b: "+limited(1)+"\n  /a/{y}: "+limited(2)+"\n  /a/b: "+limited(3)+"\n  /{x}/{y}: "+limited(4)+
		"\n  /f/{n}.x.y: "+limited(5)+"\n  /f/{n}.y: "+limited(6)+"\n  /f/{n}: "+limited(7)+"\n"))
	for path, most := range map[string]int{"/a/b": 3, "/a/c": 2, "/c/b": 1, "/c/d": 4, "/f/1.x.y": 5, "/f/1.y": 6, "/f/1": 7} {
		for n := most; n <= most+1; n++ {
			want := map[bool]string{true: "", false: "query q  maximum"}[n == most]
			if got := asked(api, "GET", fmt.Sprintf("%s?q=%d", path, n)); got != want {
				t.Errorf("%s with %d: got %q, want %q", path, n, got, want)
			}
		}
	}
}

const orders = `
  /orders:
    post:
      requestBody: {$ref: "#/components/requestBodies/Order"}
    put:
      requestBody:
        required: true
        content:
          application/json; charset=utf-8: {schema: {$ref: "#/components/schemas/Order"}}
          text/plain: {schema: {type: string, maxLength: 1}}
          text/*: {}
    get: {}
components:
  requestBodies:
    Order: {$ref: "#/components/requestBodies/Real"}
    Real: {content: {application/*: {schema: {$ref: "#/components/schemas/Order"}}}}
  schemas:
    Order:
      type: object
      required: [amount, id, owner]
      properties:
        id: {type: integer, readOnly: true}
        owner: {$ref: "#/components/schemas/Owner"}
        amount: {type: number, multipleOf: 0.01}
        parts: {type: array, items: {$ref: "#/components/schemas/Order"}}
        note: NOTE
        more: MORE
    Owner: {type: string, readOnly: true}
`

// bodied is what a document says of a body: its faults, or why it is not judged.
func bodied(t *testing.T, api *openapi.API, method, contentType, text string) string {
	t.Helper()
	operation, _ := api.Find(&openapi.Call{Method: method, Path: "/orders"})
	if operation.Body == nil {
		return "none"
	}
	schema, ok := operation.Body.Schema(contentType)
	switch {
	case !ok:
		return "no such type"
	case schema == nil:
		return "any"
	}
	value, flaw := (&rawjson.Decoder{}).Decode([]byte(text))
	if flaw != nil {
		t.Fatal(flaw)
	}
	var list []string
	for _, f := range schema.Faults(value) {
		list = append(list, f.Pointer+" "+f.Keyword)
	}
	return strings.Join(list, ", ")
}

// Where only responses have what is asked for, nothing is: draft 4 has no empty list of it.
func TestNothingIsAskedForThatIsReadOnly(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"3.0.3", "3.1.0"} {
		api := compiled(t, document(version, `  /orders:
    put:
      requestBody: {content: {application/json: {schema: {type: object, required: [id], properties: {id: {readOnly: true}}}}}}
`))
		if got := bodied(t, api, "PUT", "application/json", `{}`); got != "" {
			t.Errorf("%s: got %q", version, got)
		}
	}
}

// A body is held against the schema of its operation and media type, exactly, and asks for
// nothing that only responses have.
func TestBodiesOfOperations(t *testing.T) {
	t.Parallel()
	for version, words := range map[string]string{
		"3.0.3": strings.NewReplacer("NOTE", "{type: string, nullable: true}", "MORE", "{type: integer, minimum: 1, exclusiveMinimum: true}").Replace(orders),
		"3.1.0": strings.NewReplacer("NOTE", `{type: [string, "null"]}`, "MORE", "{type: integer, exclusiveMinimum: 1}").Replace(orders),
	} {
		api := compiled(t, document(version, words))
		for _, row := range []struct{ method, contentType, body, want string }{
			{"PUT", "application/json; charset=utf-8", `{"amount":19.99}`, ""},
			{"PUT", "Application/JSON", `{"amount":19.999}`, "/amount multipleOf"},
			{"PUT", "application/json", `{"id":"x"}`, "/amount required, /id type"},
			{"PUT", "application/json", `{"amount":1,"note":null}`, ""},
			{"PUT", "application/json", `{"amount":1,"note":1}`, "/note type"},
			{"PUT", "application/json", `{"amount":1,"more":1}`, "/more exclusiveMinimum"},
			{"PUT", "application/json", `{"amount":1,"parts":[{}]}`, "/parts/0/amount required"},
			{"PUT", "text/plain", ``, "any"},
			{"PUT", "text/html", ``, "any"},
			{"PUT", "application/xml", ``, "no such type"},
			{"PUT", "", ``, "no such type"},
			{"POST", "application/vnd.a+json", `{"id":1}`, "/amount required"},
			{"POST", "application/pdf", ``, "any"},
			{"POST", "text/html", ``, "no such type"},
			{"GET", "text/html", ``, "none"},
		} {
			if got := bodied(t, api, row.method, row.contentType, row.body); got != row.want {
				t.Errorf("%s: %s %s %s: got %q, want %q", version, row.method, row.contentType, row.body, got, row.want)
			}
		}
		for method, want := range map[string]bool{"PUT": true, "POST": false} {
			if o, _ := api.Find(&openapi.Call{Method: method, Path: "/orders"}); o.Body.Required != want {
				t.Errorf("%s: %s: a body is required: %t", version, method, o.Body.Required)
			}
		}
	}
}
