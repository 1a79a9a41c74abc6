package routeconfig

import (
	"errors"
	"fmt"
)

// What OpenAPI and JSONSchema are called among rules. No rule of a spec has such a name.
const (
	RuleOpenAPI = "openAPI"
	RuleSchema  = "jsonSchema"
)

// OpenAPI is an OpenAPI document.
type OpenAPI struct {
	ConfigMap ConfigMapKey `json:"configMap"`
	// PassUnknown lets calls pass that the document does not describe.
	PassUnknown bool `json:"passUnknown,omitempty"`
}

// Rule is a condition on calls: an expression that yields true for a valid one.
type Rule struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
	Message    string `json:"message"`
}

// RuleNames are those of all that may refuse a call, in the order in which they are asked.
func (v *Validation) RuleNames() (names []string) {
	if v.OpenAPI != nil {
		names = append(names, RuleOpenAPI)
	}
	if v.JSONSchema != nil {
		names = append(names, RuleSchema)
	}
	for i := range v.Rules {
		names = append(names, v.Rules[i].Name)
	}
	return names
}

func (v *Validation) validate() error {
	errs, seen := []error{v.JSONSchema.validate()}, map[string]bool{}
	for _, name := range v.RuleNames() {
		if name == "" || seen[name] {
			errs = append(errs, fmt.Errorf("validation has the rule %q twice, or without a name", name))
		}
		seen[name] = true
	}
	return errors.Join(errs...)
}

// JSONSchema is a JSON Schema: its text, or where that stands.
type JSONSchema struct {
	Text      string        `json:"text,omitempty"`
	ConfigMap *ConfigMapKey `json:"configMap,omitempty"`
}

func (s *JSONSchema) validate() error {
	if s != nil && (s.Text == "") == (s.ConfigMap == nil) {
		return errors.New("validation.jsonSchema must have exactly one of text and configMap")
	}
	return nil
}

// references adds what validation reads.
func (v *Validation) references(l *references) {
	if o := v.OpenAPI; o != nil {
		l.required(o.ConfigMap.reference("spec.validation.openAPI.configMapKeyRef", UseOpenAPI))
	}
	if s := v.JSONSchema; s != nil && s.ConfigMap != nil {
		l.required(s.ConfigMap.reference("spec.validation.jsonSchema.configMapKeyRef", UseJSONSchema))
	}
}
