package v1alpha1_test

import (
	"strings"
	"testing"
)

func validation(fields string) string { return "validation: {" + fields + "}\n" + one }

// A schema stands in the spec or in a ConfigMap.
func TestValidationRules(t *testing.T) {
	t.Parallel()
	check(t, []row{
		ok("a schema in the spec", validation(`jsonSchema: {inline: '{"type": "object"}'}`)),
		ok("a schema in a ConfigMap", validation("jsonSchema: {configMapKeyRef: {name: order-schema, key: schema.json}}")),
		bad("no schema", validation("jsonSchema: {}"), "validation.jsonSchema must have exactly one of inline and configMapKeyRef"),
		bad("two schemas", validation("jsonSchema: {inline: 'true', configMapKeyRef: {name: a, key: b}}"), "validation.jsonSchema must have exactly one of inline and configMapKeyRef"),
		bad("an empty schema", validation("jsonSchema: {inline: ''}"), "validation.jsonSchema.inline"),
		ok("a long schema", validation("jsonSchema: {inline: '"+strings.Repeat(" ", 65532)+"true'}")),
		bad("a longer schema", validation("jsonSchema: {inline: '"+strings.Repeat(" ", 65533)+"true'}"), "validation.jsonSchema.inline", "65536"),
		bad("a ConfigMap without a key", validation("jsonSchema: {configMapKeyRef: {name: a}}"), "validation.jsonSchema.configMapKeyRef.key", "Required"),
		bad("a ConfigMap without a name", validation("jsonSchema: {configMapKeyRef: {key: a}}"), "validation.jsonSchema.configMapKeyRef.name", "Required"),
		bad("no name of a ConfigMap", validation("jsonSchema: {configMapKeyRef: {name: Order, key: a}}"), "validation.jsonSchema.configMapKeyRef.name"),
		ok("a document", validation("openAPI: {configMapKeyRef: {name: api, key: openapi.yaml}}")),
		ok("a document of a part", validation("openAPI: {configMapKeyRef: {name: api, key: openapi.yaml}, unknownOperations: Pass}")),
		bad("no document", validation("openAPI: {}"), "validation.openAPI.configMapKeyRef", "Required"),
		bad("unknown operations in no way", validation("openAPI: {configMapKeyRef: {name: a, key: b}, unknownOperations: Log}"), "validation.openAPI.unknownOperations"),
		ok("a rule", validation(`rules: [{name: positive, expression: "request.body.amount > 0", message: amount must be positive}]`)),
		bad("a rule without a name", validation("rules: [{expression: 'true', message: m}]"), "validation.rules[0].name", "Required"),
		bad("a rule without an expression", validation("rules: [{name: a, message: m}]"), "validation.rules[0].expression", "Required"),
		bad("a rule without a message", validation("rules: [{name: a, expression: 'true'}]"), "validation.rules[0].message", "Required"),
		bad("a rule by a name that is ours", validation("rules: [{name: jsonSchema, expression: 'true', message: m}]"), "validation.rules[0].name"),
		bad("a rule twice", validation("rules: [{name: a, expression: 'true', message: m}, {name: a, expression: 'true', message: m}]"), "validation.rules[1]", "Duplicate"),
		ok("16 rules", validation("rules: "+list(16, "{name: r-N, expression: 'true', message: m}"))),
		bad("17 rules", validation("rules: "+list(17, "{name: r-N, expression: 'true', message: m}")), "validation.rules", "16"),
		bad("a message that is too long", validation("rules: [{name: a, expression: 'true', message: "+strings.Repeat("m", 257)+"}]"), "validation.rules[0].message", "256"),
		ok("reporting", validation("mode: Report")),
		bad("another mode", validation("mode: Warn"), "validation.mode", "Warn"),
		bad("no key of a ConfigMap", validation("jsonSchema: {configMapKeyRef: {name: order, key: a/b}}"), "validation.jsonSchema.configMapKeyRef.key"),
	})
}
