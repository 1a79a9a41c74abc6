package judge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

func compiled(t testing.TB, text string) *judge.Schema {
	t.Helper()
	s, err := judge.Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func faults(t testing.TB, schema, body string) string {
	t.Helper()
	v, err := (&rawjson.Decoder{}).Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range compiled(t, schema).Faults(v) {
		lines = append(lines, f.Pointer+" "+f.Keyword)
	}
	return strings.Join(lines, ", ")
}

// Numbers are judged by their digits, whatever a float would make of them.
func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ schema, body, want string }{
		{`{"multipleOf":0.01}`, `19.99`, ""},
		{`{"multipleOf":0.01}`, `19.999`, " multipleOf"},
		{`{"multipleOf":0.1}`, `0.3`, ""},
		{`{"type":"integer"}`, `1.0`, ""},
		{`{"type":"integer"}`, `12345678901234567890123`, ""},
		{`{"type":"integer"}`, `1e20`, ""},
		{`{"type":"integer"}`, `1.5`, " type"},
		{`{"maximum":9007199254740992}`, `9007199254740993`, " maximum"},
		{`{"const":9007199254740993}`, `9007199254740992`, " const"},
		{`{"const":1.50}`, `1.5`, ""},
		{`{"exclusiveMinimum":0}`, `1e-400`, ""},
		{`{"maximum":1e308}`, `1e309`, " maximum"},
		{`{"uniqueItems":true}`, `[1,1.0]`, " uniqueItems"},
	} {
		if got := faults(t, row.schema, row.body); got != row.want {
			t.Errorf("%s with %s: got %q, want %q", row.schema, row.body, got, row.want)
		}
	}
}

// Each fault has the place of the value and the keyword that does not admit it. What only
// refers to others, or holds them together, is none itself.
func TestFaultsSayWhereAndWhat(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ schema, body, want string }{
		{`true`, `{"a":1}`, ""},
		{`false`, `1`, " false"},
		{`{"required":["a","b"]}`, `{"b":1}`, "/a required"},
		{`{"properties":{"a":{"type":"string"}},"additionalProperties":false}`, `{"a":1,"c":1,"b~/":2}`, "/a type, /b~0~1 additionalProperties, /c additionalProperties"},
		{`{"items":{"$ref":"#/$defs/n"},"$defs":{"n":{"minimum":3}}}`, `[5,1,4,2]`, "/1 minimum, /3 minimum"},
		{`{"allOf":[{"minLength":3},{"pattern":"^a"}]}`, `"b"`, " minLength,  pattern"},
		{`{"anyOf":[{"type":"string"},{"minimum":3}]}`, `1`, " anyOf,  minimum,  type"},
		{`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `3`, " oneOf"},
		{`{"not":{"type":"string"}}`, `"a"`, " not"},
		{`{"propertyNames":{"maxLength":1}}`, `{"ab":1}`, "/ab propertyNames"},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "/b dependentRequired"},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"]}}`, `{"a":1}`, "/b dependencies"},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"email"}`, `"x"`, " format"},
		{`{"format":"email"}`, `"x"`, ""},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}`, `1`, " exclusiveMinimum"},
		{`{"unevaluatedProperties":false,"properties":{"a":true}}`, `{"a":1,"b":2}`, "/b false"},
	} {
		if got := faults(t, row.schema, row.body); got != row.want {
			t.Errorf("%s with %s: got %q, want %q", row.schema, row.body, got, row.want)
		}
	}
}

// However many faults there are, the first are told, and always the same. A pointer is no
// way to have a long text sent back.
func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	body := "[" + strings.Repeat("1,", 200) + "1]"
	first := faults(t, `{"items":{"type":"string"}}`, body)
	if n := strings.Count(first, "type"); n != judge.MaxFaults || !strings.HasPrefix(first, "/0 type, /1 type, /10 type") {
		t.Errorf("%d faults: %s", n, first)
	}
	object := "{"
	for i := range 200 {
		object += fmt.Sprintf(`"k%d":1,`, i)
	}
	object += `"z":1}`
	for range 5 {
		if got := faults(t, `{"additionalProperties":{"type":"string"}}`, object); !strings.HasPrefix(got, "/k0 type, /k1 type, /k10 type, /k100 type") {
			t.Fatalf("got %s", got)
		}
	}
	long := strings.Repeat("x", 600)
	if got := faults(t, `{"properties":{"a":{"additionalProperties":false}}}`, `{"a":{"`+long+`":1}}`); got != "/a additionalProperties" {
		t.Errorf("a long name: %.80s", got)
	}
}

// What is no schema is told by line and column.
func TestCompileErrorsSayWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n \"type\": \"strin\"\n}":                                    "line 2, column 10: \"/type\" is no schema: value must be one of",
		"{\n \"properties\": {\"ä\": {\"minimum\": \"1\"}}\n}":          "line 2, column 34: \"/properties/ä/minimum\" is no schema: got string, want number",
		"{\n\"pattern\":\n \"(?!a)\"}":                                  "line 3, column 2: \"/pattern\" is no schema: '(?!a)' is not valid regex",
		"{\"a\": 1,\n}":                                                 "line 2, column 1: it is no JSON",
		"{\n \"a\": {\"b\": 1, \"b\": 2}}":                              "line 2, column 7: a name appears twice at \"/a/b\"",
		"{\n  \"items\": {\"$ref\": \"#/$defs/n\"}}":                    "line 2, column 13: #/$defs/n: there is no such place in the schema",
		"{\n  \"$ref\": \"other.json#/a\"}":                             "line 2, column 3: fanout:///other.json: it is not part of the schema, and no other document is read",
		"{\"$ref\": \"#x\"}":                                            "line 1, column 2: #x: there is no such anchor in the schema",
		"{\n\"$schema\": \"https://example.com/draft\"}":                "line 2, column 1: https://example.com/draft: it is no draft that is known here: $schema is http://json-schema.org/draft-04/schema#, draft-06",
		`{"$schema": "http://json-schema.org/draft-03/schema#"}`:        "line 1, column 2: http://json-schema.org/draft-03/schema: it is no draft that is known here: $schema is",
		"{\"minimum\": 1e5000}":                                         "line 1, column 13: a number has more than",
		strings.Repeat(`{"not":`, 200) + "1" + strings.Repeat("}", 200): "line 1, column 897: it is nested too deep",
		`{"$ref": "` + strings.Repeat("x", judge.MaxSchema) + `"}`:      "line 1, column 1: has 262156 bytes",
		"": "line 1, column 1: it is no JSON",
	} {
		_, err := judge.Compile(text)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %s", text, err, want)
		}
	}
}

// A schema that is its own condition is told: it could admit no value, or each. One whose
// members or elements are of its kind is none.
func TestSchemasInCirclesAreTold(t *testing.T) {
	t.Parallel()
	const told = ": it refers to itself, and no value can be judged by it"
	for text, want := range map[string]string{
		`{"$ref":"#"}`:                                   "line 1, column 1" + told,
		`{"allOf":[{"$ref":"#"}]}`:                       "line 1, column ",
		`{"anyOf":[{"type":"string"},{"$ref":"#"}]}`:     told,
		`{"oneOf":[{"$ref":"#"}]}`:                       told,
		`{"not":{"$ref":"#"}}`:                           told,
		`{"if":{"$ref":"#"}}`:                            told,
		`{"if":true,"then":{"$ref":"#"}}`:                told,
		`{"if":false,"else":{"$ref":"#"}}`:               told,
		`{"$dynamicRef":"#"}`:                            told,
		"{\n\"items\":{\"$ref\":\"#/items\"}}":           "line 2, column 9" + told,
		`{"prefixItems":[{"$ref":"#/prefixItems/0"}]}`:   "line 1, column 17" + told,
		`{"properties":{"a":{"$ref":"#/properties/a"}}}`: "line 1, column 20" + told,
		`{"contains":{"$ref":"#/contains"}}`:             told,
		`{"propertyNames":{"$ref":"#/propertyNames"}}`:   told,
		`{"patternProperties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"allOf":[{"$ref":"#/$defs/y"}]},"y":{"$ref":"#/$defs/x"}}}`:                                   told,
		`{"additionalProperties":{"$ref":"#/additionalProperties"}}`:                                                                                                 told,
		`{"unevaluatedProperties":{"$ref":"#/unevaluatedProperties"}}`:                                                                                               told,
		`{"unevaluatedItems":{"$ref":"#/unevaluatedItems"}}`:                                                                                                         told,
		`{"dependentSchemas":{"a":{"$ref":"#/dependentSchemas/a"}}}`:                                                                                                 told,
		`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":{"$ref":"#/dependencies/a"}}}`:                                                     told,
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"$ref":"#/items/0"}]}`:                                                                       told,
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":[true],"additionalItems":{"$ref":"#/additionalItems"}}`:                                        told,
		`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveRef":"#"}`:                                                                             told,
		`{"properties":{"next":{"$ref":"#"}},"items":{"$ref":"#"},"allOf":[{"$ref":"#/$defs/x"},{"$ref":"#/$defs/x"}],"$defs":{"x":{"items":{"$ref":"#/$defs/x"}}}}`: "",
		`{"$ref":"https://json-schema.org/draft/2019-09/schema"}`:                                                                                                    "",
		`{"$defs":{"unused":{"$ref":"#/$defs/unused"}}}`:                                                                                                             "",
	} {
		_, err := judge.Compile(text)
		if want == "" && err == nil {
			continue
		}
		if err == nil || want == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// Nothing is read from files or hosts, whatever a schema refers to.
func TestNothingIsLoaded(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"file:///etc/passwd", "http://127.0.0.1:1/", "https://example.com/x", "/etc/hostname", "fanout:///other", "..", "//h/x"} {
		for _, text := range []string{`{"$ref":%q}`, `{"$schema":%q}`, `{"$id":%q,"$ref":"y"}`} {
			if _, err := judge.Compile(fmt.Sprintf(text, target)); err == nil {
				t.Errorf("%s of %s compiles", text, target)
			}
		}
	}
	if diff := cmp.Diff("", faults(t, `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"type":"string"}`)); diff != "" {
		t.Errorf("a metaschema, which is part of the library: %s", diff)
	}
}
