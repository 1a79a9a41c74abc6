package routeconfig

import "errors"

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
	if s := v.JSONSchema; s != nil && s.ConfigMap != nil {
		l.required(s.ConfigMap.reference("spec.validation.jsonSchema.configMapKeyRef", UseJSONSchema))
	}
}
