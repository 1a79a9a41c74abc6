package openapi_test

import (
	"strings"
	"testing"
)

// Each parameter is read as its place, style and explode say. What is not written so is a
// fault of style; all else is for its schema.
func TestStylesOfParameters(t *testing.T) {
	t.Parallel()
	const (
		number = "schema: {type: integer}"
		list   = "schema: {type: array, items: {type: integer}, maxItems: 2}"
		object = "schema: {type: object, required: [a], properties: {a: {type: integer}, b: {type: string}}, additionalProperties: false}"
	)
	for _, row := range []struct{ parameter, sent, want string }{
		{"in: path, " + number, "7", ""},
		{"in: path, " + number, "a", "path p  type"},
		{"in: path, " + number, "%37", ""},
		{"in: path, " + number, "%", "path p  style"},
		{"in: path, " + list, "1,2", ""},
		{"in: path, " + list, "1,x", "path p /1 type"},
		{"in: path, " + object, "a,1,b,x", ""},
		{"in: path, " + object, "a,1,b", "path p  style"},
		{"in: path, explode: true, " + object, "a=1,b=x", ""},
		{"in: path, explode: true, " + object, "a=1,b", "path p  style"},
		{"in: path, style: label, " + number, ".7", ""},
		{"in: path, style: label, " + number, "7", "path p  style"},
		{"in: path, style: label, " + list, ".1,2", ""},
		{"in: path, style: label, " + list, "1,2", "path p  style"},
		{"in: path, style: label, explode: true, " + list, ".1.2.3", "path p  maxItems"},
		{"in: path, style: label, " + object, ".a,1", ""},
		{"in: path, style: label, explode: true, " + object, ".a=1.b=x", ""},
		{"in: path, style: label, explode: true, " + object, "a=1", "path p  style"},
		{"in: path, style: matrix, " + number, ";p=7", ""},
		{"in: path, style: matrix, " + number, ";q=7", "path p  style"},
		{"in: path, style: matrix, " + number, ";pp=7", "path p  style"},
		{"in: path, style: matrix, schema: {type: string}", ";p", ""},
		{"in: path, style: matrix, " + list, ";p=1,2", ""},
		{"in: path, style: matrix, explode: true, " + list, ";p=1;p=2", ""},
		{"in: path, style: matrix, explode: true, " + list, ";p=1;q=2", "path p  style"},
		{"in: path, style: matrix, explode: true, " + list, "p=1", "path p  style"},
		{"in: path, style: matrix, " + object, ";p=a,1", ""},
		{"in: path, style: matrix, explode: true, " + object, ";a=1;b=x", ""},
		{"in: path, style: matrix, explode: true, " + object, "a=1", "path p  style"},

		{"in: query, " + number, "p=7", ""},
		{"in: query, " + number, "", ""},
		{"in: query, required: true, " + number, "q=1", "query p  required"},
		{"in: query, " + number, "p", "query p  type"},
		{"in: query, " + number, "p=", "query p  type"},
		{"in: query, allowEmptyValue: true, " + number, "p=", ""},
		{"in: query, allowEmptyValue: true, " + number, "p=&p=", "query p  style"},
		{"in: query, " + number, "p=1&p=x", "query p  style"},
		{"in: query, " + number, "%70=x", "query p  type"},
		{"in: query, " + number, "p=%", "query p  style"},
		{"in: query, " + number, "%=1&p=1&&", ""},
		{"in: query, schema: {type: string, enum: [a b]}", "p=a+b", ""},
		{"in: query, schema: {type: string, enum: ['a:b']}", "p=a:b", ""},
		{"in: query, " + list, "p=1&p=2", ""},
		{"in: query, " + list, "p=1,2", "query p /0 type"},
		{"in: query, " + list, "p=1&p=%", "query p  style"},
		{"in: query, explode: false, " + list, "p=1,2", ""},
		{"in: query, explode: false, schema: {type: array, items: {enum: ['a,b']}}", "p=a%2Cb", ""},
		{"in: query, explode: false, " + list, "p=1&p=2", "query p  style"},
		{"in: query, style: spaceDelimited, " + list, "p=1%202", ""},
		{"in: query, style: spaceDelimited, " + list, "p=1+2", ""},
		{"in: query, style: pipeDelimited, " + list, "p=1|2", ""},
		{"in: query, style: pipeDelimited, " + list, "p=1%7C2%7c3", "query p  maxItems"},
		{"in: query, style: pipeDelimited, explode: true, " + list, "p=1&p=2", ""},
		{"in: query, " + object, "a=1&b=x", ""},
		{"in: query, " + object, "b=x", "query p /a required"},
		{"in: query, " + object, "a=1&z=1", "query p /z additionalProperties"},
		{"in: query, " + object, "a=1&a=2", "query p  style"},
		{"in: query, " + object, "p=1", "query p  style"},
		{"in: query, " + object, "q=1", "query p /a required, query p /q additionalProperties"},
		{"in: query, explode: false, " + object, "p=a,1,b,x", ""},
		{"in: query, explode: false, " + object, "p=a,1,a,2", "query p  style"},
		{"in: query, style: pipeDelimited, " + object, "p=a|1", ""},
		{"in: query, style: deepObject, " + object, "p[a]=1&p%5Bb%5D=x&z=1", ""},
		{"in: query, style: deepObject, " + object, "p[b]=1", "query p /a required"},
		{"in: query, style: deepObject, " + object, "p[a=1", "query p  style"},
		{"in: query, style: deepObject, " + object, "p[]=1", "query p  style"},
		{"in: query, style: deepObject, " + object, "p[a][b]=1", "query p  style"},
		{"in: query, style: deepObject, required: true, " + object, "a=1", "query p  required"},

		{"in: header, " + number, "P: 7", ""},
		{"in: header, " + number, "P:  7\t", ""},
		{"in: header, " + number, "P: x", "header P  type"},
		{"in: header, " + number, "P: 1|P: 2", "header P  style"},
		{"in: header, required: true, " + number, "Q: 1", "header P  required"},
		{"in: header, schema: {type: string, maxLength: 3}", "P: a,b", ""},
		{"in: header, schema: {type: string, maxLength: 3}", "P: a%62c", "header P  maxLength"},
		{"in: header, " + list, "P: 1, 2", ""},
		{"in: header, " + list, "P: 1|P: 2,3", "header P  maxItems"},
		{"in: header, " + object, "P: a, 1, b, x", ""},
		{"in: header, explode: true, " + object, "P: a=1, b=x", ""},

		{"in: cookie, " + number, "Cookie: q=x; p=7", ""},
		{"in: cookie, " + number, "Cookie: p=x", "cookie p  type"},
		{"in: cookie, " + number, `Cookie: p=a\b`, "cookie p  type"},
		{"in: cookie, " + number, "Cookie: p=1|Cookie: p=2", "cookie p  style"},
		{"in: cookie, required: true, " + number, "Cookie: p", "cookie p  required"},
		{"in: cookie, schema: {enum: ['a b', 'a%']}", "Cookie: p=a%20b", ""},
		{"in: cookie, schema: {enum: ['a b', 'a%']}", "Cookie: p=a%", ""},
		{"in: cookie, explode: false, " + list, "Cookie: p=1,2,3", "cookie p  maxItems"},
		{"in: cookie, explode: false, " + object, "Cookie: p=a,x", "cookie p /a type"},
		{"in: cookie, " + object, "Cookie: a=x; other=1", "cookie p /a type"},
	} {
		if got := sentTo(t, row.parameter, row.sent); got != row.want {
			t.Errorf("%s with %q: got %q, want %q", row.parameter, row.sent, got, row.want)
		}
	}
}

// sentTo is what a document with one parameter says of what is sent for it.
func sentTo(t *testing.T, parameter, sent string) string {
	t.Helper()
	path, target, header := "/x", "/x", []string(nil)
	switch {
	case strings.HasPrefix(parameter, "in: path"):
		path, target = "/{p}", "/"+sent
		parameter += ", required: true"
	case strings.HasPrefix(parameter, "in: query"):
		target += "?" + sent
	default:
		header = strings.Split(sent, "|")
	}
	api := compiled(t, document("3.1.0", "  "+path+": {get: {parameters: [{name: p, "+parameter+"}]}}\n"))
	return asked(api, "GET", target, header...)
}

// A text stands for what the types of the schema make of it. Where they leave a choice, one
// way has to be admitted; where there is no type, all of them.
func TestTypesOfParameters(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ schema, sent, want string }{
		{"{type: integer, maximum: 9007199254740992}", "9007199254740992", ""},
		{"{type: integer, maximum: 9007199254740992}", "9007199254740993", " maximum"},
		{"{type: number, multipleOf: 0.01}", "19.99", ""},
		{"{type: number, multipleOf: 0.01}", "19.999", " multipleOf"},
		{"{type: number}", "1e1001", " type"},
		{"{type: number}", "-1.5E2", ""},
		{"{type: number}", "+1", " type"},
		{"{type: number}", "%201", " type"},
		{"{type: number}", "%5B1%5D", " type"},
		{"{type: integer}", "07", " type"},
		{"{type: boolean}", "true", ""},
		{"{type: boolean}", "t", " type"},
		{"{type: boolean}", "True", " type"},
		{"{type: string}", "7", ""},
		{"{type: string, maxLength: 1}", "true", " maxLength"},
		{"{type: [integer, string]}", "abc", ""},
		{"{type: [integer, string], maximum: 3}", "2", ""},
		{"{type: [integer, string], maxLength: 2}", "123", ""},
		{"{anyOf: [{type: integer, maximum: 3}, {type: string, pattern: '^x'}]}", "4", " anyOf"},
		{"{anyOf: [{type: integer}, {type: boolean}]}", "canary", " anyOf"},
		{"{oneOf: [{$ref: '#/components/schemas/N'}, {type: array, items: {type: integer}}]}", "7", ""},
		{"{anyOf: [{type: array, items: {}}, {type: integer}]}", "x", ""},
		{"{type: [array, string], items: {type: integer}}", "x", ""},
		{"{type: [array, string], items: {type: integer}, maxLength: 1}", "xy", "/0 type"},
		{"{allOf: [{type: integer}, {minimum: 3}]}", "2", " minimum"},
		{"{enum: [a, 1]}", "1", ""},
		{"{enum: [a, 1]}", "b", " enum"},
		{"{enum: ['1']}", "1", ""},
		{"{const: true}", "true", ""},
		{"{const: true}", "false", " const"},
		{"{const: {a: 1}}", "1", " style"},
		{"{const: [1]}", "1", " const"},
		{"{enum: [null]}", "null", " enum"},
		{"{minimum: 3}", "2", " minimum"},
		{"{minimum: 3}", "x", ""},
		{"{pattern: '^[a-z]+$'}", "12", " pattern"},
		{"{pattern: '^[a-z]+$'}", "true", ""},
		{"{maxLength: 3}", "true", " maxLength"},
		{"{type: array, items: {type: [integer, string], maxLength: 1}}", "12", ""},
		{"{type: array, items: {maxLength: 1}}", "12", "/0 maxLength"},
		{"{type: array, items: {$ref: '#/components/schemas/N'}}", "x", "/0 type"},
		{"{$ref: '#/components/schemas/N'}", "x", " type"},
		{"{type: [integer, 'null']}", "x", " type"},
		{"true", "x", ""},
		{"false", "x", " false"},
	} {
		api := compiled(t, document("3.1.0", "  /x: {get: {parameters: [{name: p, in: query, schema: "+row.schema+"}]}}\ncomponents: {schemas: {N: {type: integer}}}\n"))
		want := row.want
		if want != "" {
			want = "query p " + want
		}
		got, _, _ := strings.Cut(asked(api, "GET", "/x?p="+row.sent), ", ")
		if got != want {
			t.Errorf("%s with %s: got %q, want %q", row.schema, row.sent, got, want)
		}
	}
}

// All parameters of an operation are judged, those of its path among them, whatever stands
// before them.
func TestAllParametersAreJudged(t *testing.T) {
	t.Parallel()
	api := compiled(t, document("3.0.3", `
  /x/{id}/{rest}:
    parameters:
    - {name: id, in: path, required: true, schema: {type: integer}}
    - {name: limit, in: query, schema: {type: integer, maximum: 10}}
    - {name: limit, in: header, schema: {type: integer, maximum: 10}}
    get:
      parameters:
      - {name: filter, in: query, schema: {type: object, properties: {color: {type: string, maxLength: 3}}}}
      - {name: sort, in: query, style: deepObject, schema: {type: object, properties: {by: {type: integer}}}}
      - {name: limit, in: query, schema: {type: integer, maximum: 5}}
      - {name: Accept, in: header, required: true, schema: {type: integer}}
      - {name: content-type, in: header, required: true, schema: {type: integer}}
      - {name: Authorization, in: header, required: true, schema: {type: integer}}
      - {$ref: "#/components/parameters/Tenant"}
      - {name: where, in: query, content: {application/json: {schema: {type: object, required: [a]}}}}
      - {name: raw, in: query, required: true, content: {text/csv: {schema: {type: integer}}}}
      - {name: free, in: query}
components: {parameters: {Tenant: {name: tenant, in: query, required: true, schema: {type: string, minLength: 1}}}}
`))
	for _, row := range []struct{ target, want string }{
		{"/x/7/y?tenant=a&raw=x", ""},
		{"/x/7/y", "query tenant  required, query raw  required"},
		{"/x/a/y?tenant=a&raw=x&limit=6", "query limit  maximum, path id  type"},
		{"/x/7/y?tenant=&raw=x&color=blue&free=1&free=2", "query filter /color maxLength, query tenant  minLength"},
		{"/x/7/y?tenant=a&raw=x&sort[by]=x", "query sort /by type"},
		{`/x/7/y?tenant=a&raw=x&where={"a":1}`, ""},
		{`/x/7/y?tenant=a&raw=x&where=%7B%7D`, "query where /a required"},
		{`/x/7/y?tenant=a&raw=x&where={`, "query where  content"},
		{`/x/7/y?tenant=a&raw=x&where=%`, "query where  style"},
		{`/x/7/y?tenant=a&raw=x&where={}&where={}`, "query where  style"},
	} {
		if got := asked(api, "GET", row.target); got != row.want {
			t.Errorf("%s: got %q, want %q", row.target, got, row.want)
		}
	}
	if got, want := asked(api, "GET", "/x/7/y?tenant=a&raw=x", "Limit: 11"), "header Limit  maximum"; got != want {
		t.Errorf("a header: got %q, want %q", got, want)
	}
}

// The host that was called is a header like others, though it does not stand among them.
func TestHostIsAHeader(t *testing.T) {
	t.Parallel()
	api := compiled(t, document("3.0.3", "  /x: {get: {parameters: [{name: host, in: header, required: true, schema: {enum: [a.example.com]}}]}}\n"))
	for host, want := range map[string]string{
		"a.example.com": "", "b.example.com": "header Host  enum", "": "header Host  required",
	} {
		if got := asked(api, "GET", "/x", "Host: "+host); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

// However many faults there are, the first twenty are told.
func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	list := "{name: a, in: query, schema: {type: array, items: {type: integer}}}, {name: b, in: query, schema: {type: array, items: {type: integer}}}"
	api := compiled(t, document("3.1.0", "  /x: {get: {parameters: ["+list+"]}}\n"))
	got := asked(api, "GET", "/x?"+strings.Repeat("a=x&", 15)+strings.Repeat("b=x&", 15))
	if n := strings.Count(got, "type"); n != 20 {
		t.Errorf("%d faults: %s", n, got)
	}
}
