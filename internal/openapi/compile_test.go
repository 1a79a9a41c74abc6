package openapi_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/openapi"
)

const good = `openapi: 3.1.0
paths:
  /orders/{id}:
    get:
      parameters:
      - {name: id, in: path, schema: {type: integer}}
    put:
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Order"}
components:
  schemas:
    Order:
      type: object
      properties: {a: {pattern: "^a"}}
`

// What is wrong with a document is told by line and column, and nothing of it leads elsewhere.
func TestCompileErrorsSayWhere(t *testing.T) {
	t.Parallel()
	put := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	referring := func(beside string) string {
		return "openapi: 3.1.0\npaths:\n  /a: {$ref: '#/x-item', " + beside + "}\nx-item: {get: {responses: {}}}\n"
	}
	// A property that has to be there is looked at through so many references.
	chain := func(n int) string {
		text := put("type: object", "type: object\n      required: [a]")
		text = strings.Replace(text, `{a: {pattern: "^a"}}`, "{a: {$ref: '#/components/schemas/c1'}}", 1)
		for i := range n - 1 {
			text += fmt.Sprintf("    c%d: {$ref: '#/components/schemas/c%d'}\n", i+1, i+2)
		}
		return text + fmt.Sprintf("    c%d: {}\n", n)
	}
	ref, order := `"#/components/schemas/Order"`, "      type: object\n"
	for _, row := range []struct{ text, want string }{
		{good, ""},
		{put("openapi", "---\nopenapi"), ""},
		{"", "line 1, column 1: it is empty"},
		{"# nothing", "line 1, column 1: it is empty"},
		{"- a", "line 1, column 1: it is no object"},
		{"a: b: c", "line 1, column 1: mapping values are not allowed"},
		{"a: 1\nb: [", "line 2, column 1: "},
		{good + "---\na: 1\n", "line 1, column 1: it is several documents"},
		{put("3.1.0", "2.0.0"), `line 1, column 10: "/openapi": openapi must be 3.0.x or 3.1.x, a text`},
		{put("3.1.0", "3.2.0"), `line 1, column 10: "/openapi": openapi must be`},
		{put("3.1.0", "3.1"), `line 1, column 10: "/openapi": openapi must be`},
		{put("openapi: 3.1.0\n", ""), `line 1, column 1: "/openapi": openapi must be`},
		{put("/orders/{id}", "/orders/{id}/items/{id}"), `"/paths/~1orders~1{id}~1items~1{id}": the path has {id} twice: give one of them another name`},
		{put("/orders/{id}", "/orders/{id}-{id}"), "the path has {id} twice"},
		{referring("get: {}"), `"/paths/~1a/get": it stands beside $ref, and is not read: move it to where that leads`},
		{referring("parameters: []"), `"/paths/~1a/parameters": it stands beside $ref`},
		{referring("summary: s, description: d, x-own: 1"), ""},
		{"openapi: 3.1.0\na: &x {b: 1}\nc: *x\n", "line 3, column 4: aliases are not read"},
		{"openapi: 3.1.0\na: {<<: {b: 1}}\n", "line 2, column 5: a name must be a text"},
		{"openapi: 3.1.0\n? [a]\n: 1\n", "line 2, column 3: a name must be a text"},
		{"openapi: 3.1.0\na: 1\na: 2\n", `line 3, column 1: the name "a" appears twice`},
		{"openapi: 3.1.0\na: 0x10\n", "line 2, column 4: it is no number that JSON has"},
		{"openapi: 3.1.0\na: 1e-2000\n", "line 2, column 4: it is no number that JSON has, or too long a one"},
		{"openapi: 3.1.0\na: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "line 2, column 132: it is nested too deep"},
		{put(ref, "order.yaml"), "line 11, column 28: order.yaml: it is not part of the document, and no other one is read"},
		{put(ref, "http://169.254.169.254/"), "line 11, column 28: http://169.254.169.254/: it is not part of the document"},
		{put(ref, "'#Order'"), "line 11, column 28: #Order: it is not part of the document"},
		{good + "x-more: {examples: [{$ref: file:///etc/passwd}]}\n", "file:///etc/passwd: it is not part of the document"},
		{put(order, order+"      required: true\n"), "/components/schemas/Order/required\": it is no schema: got boolean, want array"},
		{chain(15), ""},
		{chain(16), "references lead in a circle, or one to another too often"},
		{put(order, order+"      $id: http://127.0.0.1/\n"), "line 16, column 7: $id is not read"},
		{put(order, order+"      $schema: http://127.0.0.1/\n"), "line 16, column 7: $schema is not read"},
		{put(order, order+"      $dynamicRef: '#a'\n"), "line 16, column 7: $dynamicRef is not read"},
		{good + "jsonSchemaDialect: http://127.0.0.1/\n", "http://127.0.0.1/: it is no dialect that is known here"},
		{good + "jsonSchemaDialect: https://spec.openapis.org/oas/3.1/dialect/base\n", ""},
		{good + "jsonSchemaDialect: https://json-schema.org/draft/2020-12/schema\n", ""},
		{put("type: object", "type: objekt"), `line 15, column 13: "/components/schemas/Order/type": it is no schema: value must be one of`},
		{put("type: integer", "minimum: x"), `line 6, column 48: "/paths/~1orders~1{id}/get/parameters/0/schema/minimum": it is no schema: got string, want number`},
		{put("^a", "(?!a)"), `line 16, column 33: "/components/schemas/Order/properties/a/pattern": it is no schema: '(?!a)' is not valid regex`},
		{put(ref, `"#/components/schemas/Gone"`), `line 11, column 28: "/paths/~1orders~1{id}/put/requestBody/content/application~1json/schema/$ref": #/components/schemas/Gone: there is no such place`},
		{put("type: integer", "$ref: '#/gone'"), "#/gone: there is no such place"},
		{put(order, "      $ref: '#/components/schemas/Order'\n"), `line 15, column 7: "/components/schemas/Order": it is no schema: it refers to itself, and no value can be judged by it`},
		{put(order, "      items: {$ref: '#/components/schemas/Order'}\n"), ""},
		{put("{name: id, in: path, schema: {type: integer}}", "{$ref: '#/gone'}"), "#/gone: there is no such place"},
		{put("{name: id, in: path, schema: {type: integer}}", "{$ref: '#/paths/~1orders~1{id}/get/parameters/0'}"), "references lead in a circle"},
		{put(`{pattern: "^a"}`, "{$ref: '#/gone'}"), "#/gone: there is no such place"},
		{strings.Replace(put(order, "      required: [a]\n"), `{pattern: "^a"}`, "{$ref: '#/gone'}", 1), "#/gone: there is no such place"},
		{put("in: path", "in: body"), `line 6, column 9: "/paths/~1orders~1{id}/get/parameters/0": a parameter has a name`},
		{put("in: path", "in: path, style: form"), "a parameter has a name"},
		{put("name: id, ", ""), "a parameter has a name"},
		{put("name: id", "name: no"), "the path has no {no}"},
		{put("/orders/{id}:", "orders/{id}:"), "a path begins with a slash"},
		{put("/orders/{id}:", "x-orders:"), "it describes no operation"},
		{put("{id}:", "{id:"), "a brace is open that is not closed, or holds no name"},
		{put("{id}:", "{}:"), "a brace is open that is not closed, or holds no name"},
		{put("{id}:", "{i{d}:"), "a brace is open that is not closed, or holds no name"},
		{put("{id}:", "id}:"), "a brace is closed that is not open"},
		{put("components:", "  /orders/{other}: {get: {}}\ncomponents:"), `no call can tell it from`},
		{put("components:", "  /other: {$ref: '#/gone'}\ncomponents:"), "#/gone: there is no such place"},
		{put("components:", "  /other: {post: {requestBody: {$ref: '#/gone'}}}\ncomponents:"), "#/gone: there is no such place"},
		{put("components:", "  /other: {post: {requestBody: {content: {}}}}\ncomponents:"), "content names no media type"},
		{good + "servers: [{url: 'https://a/{b'}]\n", "a brace is open"},
		{good + "servers: [{url: '/a?b=c'}]\n", "the URL of a server has no query"},
		{good + "servers: [" + strings.Repeat("{url: /a},", 17) + "]\n", "there are more than 16 servers"},
		{"openapi: 3.1.0\ninfo: {}\n", `"/paths": it describes no operation`},
		{strings.Repeat(" ", openapi.MaxDocument+1), "line 1, column 1: has 1048577 bytes"},
	} {
		_, err := openapi.Compile(row.text)
		if row.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "line ") || row.want == "" || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%.200s: got %v, want %s", row.text, err, row.want)
		}
	}
}

// A document that is larger than what is compiled is told, before that takes long.
func TestDocumentsAreBounded(t *testing.T) {
	t.Parallel()
	many := "openapi: 3.1.0\npaths:\n"
	for i := range 1001 {
		many += fmt.Sprintf("  /a%d: {get: {}}\n", i)
	}
	body := func(schema, more string) string {
		return "openapi: 3.1.0\npaths:\n  /a: {put: {requestBody: {content: {application/json: {schema: " + schema + "}}}}}\n" + more
	}
	parameters, schemas := "", "components:\n  schemas:\n"
	for i := range 300 {
		parameters += fmt.Sprintf("{name: p%d, in: query, schema: {$ref: '#/components/schemas/s0'}}, ", i)
		schemas += fmt.Sprintf("    s%d: {anyOf: [{$ref: '#/components/schemas/s%d'}, {$ref: '#/components/schemas/s%d'}]}\n", i, (i+1)%300, (i+2)%300)
	}
	parameter := func(schema string) string {
		return "openapi: 3.1.0\npaths:\n  /a: {get: {parameters: [{name: p, in: query, schema: " + schema + "}]}}\n" + schemas
	}
	const tooOften = "the schemas of parameters refer to each other too often"
	for name, row := range map[string]struct{ text, want string }{
		"operations":           {many, "there are more than 1000 operations"},
		"schemas":              {body("{allOf: ["+strings.Repeat("{},", 20_000)+"]}", ""), "there are more than 20000 schemas"},
		"items of a parameter": {parameter("{allOf: [" + strings.Repeat("{items: {$ref: '#/components/schemas/s0'}}, ", 300) + "]}"), tooOften},
		"parameters":           {"openapi: 3.1.0\npaths:\n  /a: {get: {parameters: [" + parameters + "]}}\n" + schemas, tooOften},
	} {
		_, err := openapi.Compile(row.text)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %s", name, err, row.want)
		}
	}
}

// Foreign bytes: whatever is in a document, it compiles or is told by line and column, and
// what compiles refers to nothing outside. What it says of calls ends.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{good, document("3.0.3", shop), document("3.0.3", orders), "openapi: 3.1.0\n$ref: file:///etc/passwd\n", "{\"a\": [1, {\"$ref\": \"//h/x\"}]}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		api, err := openapi.Compile(text)
		if told, ok := errors.AsType[*openapi.CompileError](err); err != nil && (!ok || told.Line < 1 || told.Column < 1 || told.Text == "") {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		for _, target := range []string{"/orders?a=1&b[c]=%", "/orders/7/items/x", "/a.b/;p=1"} {
			asked(api, "GET", target, "Cookie: a=1; b", "P: 1, 2")
		}
	})
}

// Foreign bytes: nothing that a call shows ends the proxy, and faults hold none of it.
func FuzzCall(f *testing.F) {
	styles := ""
	for i, words := range []string{
		"in: query, schema: {type: object}", "in: query, style: deepObject, schema: {type: object, additionalProperties: {type: integer}}",
		"in: query, style: pipeDelimited, schema: {type: array, items: {}}", "in: header, explode: true, schema: {type: object}", "in: cookie, schema: {type: array}",
		"in: query, schema: {type: [integer, string, array, object]}", "in: query, content: {application/json: {schema: {type: integer}}}",
	} {
		styles += fmt.Sprintf("{name: p%d, %s}, ", i, words)
	}
	api, err := openapi.Compile(document("3.1.0", "  /{a}/{b}.{c}: {get: {parameters: ["+styles+"{name: a, in: path, required: true, style: matrix, explode: true, schema: {type: array}}]}}\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/;a=1;a=2/x.y?p0=1&p1[a]=2&p2=1|2", "p4=1; p4=2", "a=1,b=2")
	f.Add("/%/..?%=%&p6={", ";=;", "=")
	f.Fuzz(func(_ *testing.T, target, cookie, field string) {
		asked(api, "GET", target, "Cookie: "+cookie, "P3: "+field)
	})
}
