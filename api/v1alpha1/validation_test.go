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
		bad("no key of a ConfigMap", validation("jsonSchema: {configMapKeyRef: {name: order, key: a/b}}"), "validation.jsonSchema.configMapKeyRef.key"),
	})
}
