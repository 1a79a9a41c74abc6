package openapi_test

import "testing"

// Schemas say in each version what they say there.
func TestDialectsOfVersions(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ version, schema, body, want string }{
		{"3.0.3", "{type: string, nullable: true}", `null`, ""},
		{"3.0.3", "{type: string, nullable: false}", `null`, " type"},
		{"3.1.0", "{type: string, nullable: true}", `null`, " type"},
		{"3.0.3", "{type: string, nullable: true, enum: [a]}", `null`, " enum"},
		{"3.0.3", "{type: string, nullable: true, enum: [a, null]}", `null`, ""},
		{"3.0.3", "{nullable: true, allOf: [{type: string}]}", `null`, " type"},
		{"3.0.3", "{minimum: 1, exclusiveMinimum: true}", `1`, " exclusiveMinimum"},
		{"3.0.3", "{maximum: 1, exclusiveMaximum: true}", `1`, " exclusiveMaximum"},
		{"3.1.0", "{exclusiveMaximum: 1}", `1`, " exclusiveMaximum"},
		{"3.0.3", "{type: integer, example: x, xml: {name: a}, externalDocs: {url: b}, discriminator: {propertyName: c}}", `1`, ""},
		{"3.0.3", "{type: integer, format: int32}", `2147483647`, ""},
		{"3.0.3", "{type: integer, format: int32}", `2147483648`, " format"},
		{"3.0.3", "{type: integer, format: int32}", `-2147483648`, ""},
		{"3.0.3", "{type: integer, format: int32}", `-2147483649`, " format"},
		{"3.0.3", "{type: integer, format: int64}", `9223372036854775807`, ""},
		{"3.0.3", "{type: integer, format: int64}", `9223372036854775808`, " format"},
		{"3.0.3", "{format: int32}", `1.5`, " format"},
		{"3.0.3", "{format: int32}", `1.0`, ""},
		{"3.0.3", "{format: int32}", `"x"`, ""},
		{"3.0.3", "{type: number, format: double}", `1e300`, ""},
		{"3.0.3", "{format: date-time}", `"x"`, " format"},
		{"3.1.0", "{format: date-time}", `"x"`, ""},
		{"3.0.3", "{$ref: '#/components/schemas/S', maxLength: 1}", `"abc"`, ""},
		{"3.1.0", "{$ref: '#/components/schemas/S', maxLength: 1}", `"abc"`, " maxLength"},
		{"3.1.0", "{type: [string, integer]}", `1.5`, " type"},
		{"3.1.0", "{const: 9007199254740993}", `9007199254740992`, " const"},
		{"3.1.0", "{prefixItems: [{type: string}], items: {$ref: '#/components/schemas/S'}}", `["a", 1]`, "/1 type"},
		{"3.1.0", "{patternProperties: {'^x': {type: string}}, unevaluatedProperties: false}", `{"x":1,"y":1}`, "/x type, /y false"},
		{"3.1.0", "{if: {type: string}, then: {$ref: '#/components/schemas/S'}, else: false}", `1`, " false"},
		{"3.1.0", "{dependentSchemas: {a: {required: [b]}}}", `{"a":1}`, "/b required"},
		{"3.1.0", "{dependentRequired: {a: [b]}}", `{"a":1}`, "/b dependentRequired"},
		{"3.1.0", "true", `1`, ""},
		{"3.1.0", "false", `1`, " false"},
		{"3.1.0", "{$defs: {a: {type: string}}, $ref: '#/paths/~1orders/put/requestBody/content/application~1json/schema/$defs/a'}", `1`, " type"},
		{"3.0.3", "{properties: {a: {$ref: '#/components/schemas/p%25q~1r'}}}", `{"a":"x"}`, "/a type"},
		{"3.0.3", "{properties: {nullable: {type: boolean}, type: {type: string}, required: {type: string}, id: {type: string}}}", `{"nullable":1,"type":1,"required":1,"id":1}`, "/id type, /nullable type, /required type, /type type"},
		{"3.0.3", "{enum: [{type: string, nullable: true}]}", `{"type":"string","nullable":true}`, ""},
		{"3.0.3", "{required: [a, b], properties: {a: {readOnly: true}, b: {writeOnly: true}}}", `{}`, "/b required"},
		{"3.1.0", "{required: [a], properties: {a: {readOnly: true}}}", `{}`, ""},
		{"3.1.0", "{required: [a], properties: {a: {readOnly: false}}}", `{}`, "/a required"},
	} {
		api := compiled(t, document(row.version, `
  /orders: {put: {requestBody: {content: {application/json: {schema: `+row.schema+`}}}}}
components: {schemas: {S: {type: string}, p%q/r: {type: integer}}}
`))
		if got := bodied(t, api, "PUT", "application/json", row.body); got != row.want {
			t.Errorf("%s: %s with %s: got %q, want %q", row.version, row.schema, row.body, got, row.want)
		}
	}
}
