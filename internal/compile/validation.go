package compile

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func (c *compiler) validation() routeconfig.Validation {
	v, path := &c.route.Spec.Validation, spec().Child("validation")
	return routeconfig.Validation{
		MaxBodySize:  c.size(path.Child("maxBodySize"), v.MaxBodySize),
		BodyTimeout:  c.durationOr(path.Child("bodyTimeout"), v.BodyTimeout, "30s"),
		ContentTypes: v.ContentTypes,
		JSONSchema:   c.jsonSchema(path.Child("jsonSchema"), v.JSONSchema),
		OpenAPI:      openAPI(v.OpenAPI),
		Rules:        c.rules(path.Child("rules"), v.Rules),
		Report:       v.Mode == v1alpha1.ValidationReport,
	}
}

func (c *compiler) rules(path *field.Path, list []v1alpha1.ValidationRule) []routeconfig.Rule {
	var out []routeconfig.Rule
	for i := range list {
		r := &list[i]
		out = append(out, routeconfig.Rule{
			Name: r.Name, Message: r.Message, Expression: c.expression(path.Index(i).Child("expression"), r.Expression, expression.Bool),
		})
	}
	return out
}

// jsonSchema gathers a schema that is part of the spec, to be compiled beside the
// expressions: that takes as long.
func (c *compiler) jsonSchema(path *field.Path, s *v1alpha1.JSONSchema) *routeconfig.JSONSchema {
	if s == nil {
		return nil
	}
	out := &routeconfig.JSONSchema{Text: s.Inline, ConfigMap: configMapKey(s.ConfigMapKeyRef)}
	if s.Inline != "" {
		c.expressions = append(c.expressions, Expression{Path: path.Child("inline"), Source: s.Inline, Schema: true})
	}
	return out
}

func openAPI(o *v1alpha1.OpenAPI) *routeconfig.OpenAPI {
	if o == nil {
		return nil
	}
	return &routeconfig.OpenAPI{ConfigMap: *configMapKey(&o.ConfigMapKeyRef), PassUnknown: o.UnknownOperations == v1alpha1.UnknownOperationsPass}
}

func configMapKey(r *v1alpha1.ConfigMapKeyReference) *routeconfig.ConfigMapKey {
	if r == nil {
		return nil
	}
	return &routeconfig.ConfigMapKey{Name: r.Name, Key: r.Key}
}

// checkSchema compiles a schema as the proxy will. What stands in it is not repeated: it
// may be long.
func checkSchema(e *Expression) *field.Error {
	if _, err := judge.Compile(e.Source); err != nil {
		return field.Invalid(e.Path, field.OmitValueType{}, err.Error())
	}
	return nil
}
