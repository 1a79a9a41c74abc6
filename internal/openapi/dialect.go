package openapi

import "github.com/fanout-operator/fanout/internal/judge"

// adapt rewrites what schemas of OpenAPI say in words of their own.
func (c *compiler) adapt(p place, copied map[string]any) *CompileError {
	if c.schemas.dialect == judge.DialectOpenAPI30 {
		c.nullable(p, copied)
	}
	return c.sendable(p, copied)
}

// nullable admits null where 3.0 says so: beside a type alone. An enum has to name it, too.
func (c *compiler) nullable(p place, schema map[string]any) {
	kind, ok := schema["type"].(string)
	if c.says(p.child("nullable"), false) && ok {
		schema["type"] = []any{kind, "null"}
	}
}

// sendable asks for no property that is readOnly: only responses have those.
func (c *compiler) sendable(p place, copied map[string]any) *CompileError {
	required, _ := copied["required"].([]any)
	if len(required) == 0 {
		return nil
	}
	properties := p.child("properties")
	kept := make([]any, 0, len(required))
	for _, name := range required {
		text, _ := name.(string)
		only, err := c.readOnly(properties.child(text))
		if err != nil {
			return err
		}
		if !only {
			kept = append(kept, name)
		}
	}
	if copied["required"] = kept; len(kept) == 0 { // draft 4 wants one at least
		delete(copied, "required")
	}
	return nil
}

func (c *compiler) readOnly(p place) (bool, *CompileError) {
	if c.says(p.child("readOnly"), false) {
		return true, nil
	}
	target, err := c.follow(p)
	return c.says(target.child("readOnly"), false), err
}
