package openapi_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/openapi"
)

const typed = `openapi: VERSION
servers: [{url: /v1}]
paths:
  /a/{id}:
    servers: [{url: /v2}]
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    put:
      servers: [{url: /v3}]
      parameters:
      - {name: q, in: query, required: true, allowEmptyValue: false, style: form, explode: true, schema: {type: array, items: {type: integer}}}
      - {name: j, in: query, content: {application/json: {schema: {type: integer}}}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, required: [n, r], properties: {n: {type: integer, nullable: true}, r: {type: integer, readOnly: true}}}
`

// A value of another type than OpenAPI gives it is told where it stands, and taken for nothing
// nowhere: a document that names parameters in a map would have none.
func TestValuesOfWrongTypesAreTold(t *testing.T) {
	t.Parallel()
	const item, put, q = `"/paths/~1a~1{id}`, `"/paths/~1a~1{id}/put`, `"/paths/~1a~1{id}/put/parameters/0`
	list, object, text, truth := `": it must be a list`, `": it must be an object`, `": it must be a text`, `": it must be true or false`
	for _, row := range []struct{ version, old, with, want string }{
		{"3.1.0", "openapi: VERSION", "openapi: [3.1.0]", `line 1, column 10: "/openapi": openapi must be`},
		{"3.1.0", "servers: [{url: /v1}]", "jsonSchemaDialect: [a]", `line 2, column 20: "/jsonSchemaDialect` + text},
		{"3.1.0", "{url: /v3}]", "{url: /v3}]\n      x-none: [1]", ""},
		{"3.1.0", "[{url: /v3}]", "{url: /v3}", `line 8, column 16: ` + put + `/servers` + list},
		{"3.1.0", "[{url: /v3}]", "", `line 8, column 15: ` + put + `/servers` + list},
		{"3.1.0", "[{url: /v3}]", "[/v3]", `line 8, column 17: ` + put + `/servers/0` + object},
		{"3.1.0", "{url: /v3}", "{description: x}", `line 8, column 17: ` + put + `/servers/0": a server has a url`},
		{"3.1.0", "{url: /v3}", "{url: 3}", `line 8, column 23: ` + put + `/servers/0/url` + text},
		{"3.1.0", "    put:\n", "    get: yes\n    put:\n", `line 7, column 10: ` + item + `/get` + object},
		{"3.1.0", "    put:\n", "    get:\n    put:\n", item + `/get` + object},
		{"3.1.0", "    put:\n", "    $ref: {a: b}\n    put:\n", `line 7, column 11: ` + item + `/$ref` + text},
		{"3.1.0", "  /a/{id}:\n", "  /b: [1]\n  /a/{id}:\n", `"/paths/~1b` + object},
		{"3.1.0", "[{name: id, in: path, required: true, schema: {type: integer}}]", "{id: {in: path}}", `line 6, column 17: ` + item + `/parameters` + list},
		{"3.1.0", "[{name: id, in: path, required: true, schema: {type: integer}}]", "[id]", item + `/parameters/0` + object},
		{"3.1.0", "name: id", "name: 1", item + `/parameters/0/name` + text},
		{"3.1.0", "in: path", "in: [path]", item + `/parameters/0/in` + text},
		{"3.1.0", "required: true, allow", "required: 'true', allow", `line 10, column 40: ` + q + `/required` + truth},
		{"3.1.0", "required: true, allow", "required: , allow", q + `/required` + truth},
		{"3.1.0", "allowEmptyValue: false", "allowEmptyValue: 1", q + `/allowEmptyValue` + truth},
		{"3.1.0", "style: form", "style: {}", q + `/style` + text},
		{"3.1.0", "explode: true", "explode: 'false'", q + `/explode` + truth},
		{"3.1.0", "schema: {type: array, items: {type: integer}}", "schema: ", q + `/schema": it is no schema`},
		{"3.1.0", "schema: {type: array, items: {type: integer}}", "schema: integer", q + `/schema": it is no schema`},
		{"3.1.0", "schema: {type: array, items: {type: integer}}", "schema: true", ""},
		{"3.0.3", "schema: {type: array, items: {type: integer}}", "schema: true", q + `/schema": it is no schema`},
		{"3.0.3", "items: {type: integer}", "items: [{type: integer}]", q + `/schema/items` + object},
		{"3.0.3", "items: {type: integer}", "items: {$ref: [a]}", q + `/schema/items/$ref` + text},
		{"3.1.0", "items: {type: integer}", "allOf: {type: integer}", q + `/schema/allOf` + list},
		{"3.1.0", "items: {type: integer}", "properties: [a]", q + `/schema/properties` + object},
		{"3.1.0", "content: {application/json: {schema: {type: integer}}}", "content: [application/json]", put + `/parameters/1/content` + object},
		{"3.1.0", "content: {application/json: {schema: {type: integer}}}", "content: {application/json: true}", put + `/parameters/1/content/application~1json` + object},
		{"3.1.0", "content: {application/json: {schema: {type: integer}}}", "content: {}", put + `/parameters/1/content": content names one media type`},
		{"3.1.0", "content: {application/json: {schema: {type: integer}}}", "content: {text/csv: {}, application/json: {}}", put + `/parameters/1/content": content names one media type`},
		{"3.1.0", "      requestBody:\n", "      requestBody: []\n      x-none:\n", put + `/requestBody` + object},
		{"3.1.0", "        required: true\n", "        required: 'yes'\n", `line 13, column 19: ` + put + `/requestBody/required` + truth},
		{"3.1.0", "        content:\n", "        content: [application/json]\n        x-none:\n", put + `/requestBody/content` + object},
		{"3.1.0", "            schema: {type: object", "            - {type: object", put + `/requestBody/content/application~1json` + object},
		{"3.1.0", "            schema: {type: object", "            schema:\n            x-none: {type: object", put + `/requestBody/content/application~1json/schema": it is no schema`},
		{"3.0.3", "nullable: true", "nullable: 'true'", put + `/requestBody/content/application~1json/schema/properties/n/nullable` + truth},
		{"3.0.3", "readOnly: true", "readOnly: 'true'", put + `/requestBody/content/application~1json/schema/properties/r/readOnly` + truth},
		{"3.1.0", "readOnly: true", "readOnly: 'true'", put + `/requestBody/content/application~1json/schema/properties/r/readOnly` + truth},
		{"3.1.0", "paths:\n", "paths: [a]\nx-none:\n", `line 3, column 8: "/paths` + object},
	} {
		if strings.Count(typed, row.old) != 1 {
			t.Fatalf("%q is there %d times", row.old, strings.Count(typed, row.old))
		}
		text := strings.Replace(strings.Replace(typed, row.old, row.with, 1), "VERSION", row.version, 1)
		_, err := openapi.Compile(text)
		if row.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "line ") || row.want == "" || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s with %q: got %v, want %s", row.version, row.with, err, row.want)
		}
	}
}
