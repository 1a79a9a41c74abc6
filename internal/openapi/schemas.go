package openapi

import (
	"maps"
	"slices"
	"strconv"

	"github.com/fanout-operator/fanout/internal/judge"
)

// maxSchemas bounds the schemas that are compiled, those within others included: the time
// that it takes grows with the square of those that hang together.
const maxSchemas = 20_000

// schemas gathers what calls are judged by: the schemas of parameters and bodies, and those
// that these refer to. All else in a document is not looked at.
type schemas struct {
	dialect judge.Dialect
	places  []place        // each of them, by number
	numbers map[string]int // by pointer
	copies  []any
	count   int
	wanted  []*schema
}

// schema is one that was asked for. Its judge is there when all are gathered.
type schema struct {
	number int
	judge  *judge.Schema
}

// schema gathers the one at a place.
func (c *compiler) schema(p place) *schema {
	s := &schema{number: c.schemas.number(p)}
	c.schemas.wanted = append(c.schemas.wanted, s)
	return s
}

// number is what a schema is referred to by.
func (s *schemas) number(p place) int {
	pointer := p.pointer()
	n, known := s.numbers[pointer]
	if !known {
		n = len(s.places)
		s.places = append(s.places, p)
		s.numbers[pointer] = n
	}
	return n
}

// compile compiles all that were asked for.
func (c *compiler) compile() *CompileError {
	s := &c.schemas
	for i := 0; i < len(s.places); i++ { // it grows as they are copied
		copied, err := c.copy(s.places[i])
		if err != nil {
			return err
		}
		s.copies = append(s.copies, copied)
	}
	set := judge.NewSet(s.copies, s.dialect)
	for _, w := range s.wanted {
		compiled, flaw := set.Schema(w.number)
		if flaw != nil {
			return c.unfit(flaw)
		}
		w.judge = compiled
	}
	return nil
}

// unfit gives an error of a schema its place in the document.
func (c *compiler) unfit(err *judge.SetError) *CompileError {
	p := c.schemas.places[err.Index]
	p.path = append(slices.Clip(p.path), err.Path...)
	return c.fault(p, "it is no schema: "+err.Text)
}

// copy is a schema in words of JSON Schema, whose references are to others by number.
func (c *compiler) copy(p place) (any, *CompileError) {
	if c.schemas.count++; c.schemas.count > maxSchemas {
		return nil, c.fault(p, "there are more than "+strconv.Itoa(maxSchemas)+" schemas")
	}
	members, object := p.value.(map[string]any)
	if !object { // the metaschema says what else is a schema
		return p.value, nil
	}
	out := make(map[string]any, len(members))
	if target, ok := c.reference(p); ok {
		to, err := c.referred(p, target)
		if err != nil {
			return nil, err
		}
		out["$ref"] = "#/" + c.schemas.dialect.Keyword() + "/" + strconv.Itoa(c.schemas.number(to))
		if c.schemas.dialect == judge.DialectOpenAPI30 {
			return out, nil // what stands beside it is ignored there
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if left(name) {
			continue
		}
		copied, err := c.copyMember(name, p.child(name))
		if err != nil {
			return nil, err
		}
		out[name] = copied
	}
	return out, c.adapt(p, out)
}

// left reports whether a member of a schema says nothing of what the schema admits.
func left(name string) bool {
	switch name {
	case "$ref", "$defs", "$anchor", "$dynamicAnchor", "definitions", "id", "default", "example", "examples":
		return true
	}
	return false
}

// copyMember is a member of a schema, by what its name says that is. Data, such as that of
// enum, is as it is.
func (c *compiler) copyMember(name string, p place) (any, *CompileError) {
	if name == "items" && c.schemas.dialect == judge.DialectOpenAPI30 {
		c.members(p) // draft 4 has lists there, too
	}
	switch name {
	case "properties", "patternProperties", "dependentSchemas":
		return c.copyMembers(p)
	case "allOf", "anyOf", "oneOf", "prefixItems":
		return c.copyElements(p)
	case "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties":
		return c.copy(p)
	}
	return p.value, nil
}

func (c *compiler) copyMembers(p place) (any, *CompileError) {
	members, object := p.value.(map[string]any)
	if !object {
		return p.value, nil
	}
	out := make(map[string]any, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		copied, err := c.copy(p.child(name))
		if err != nil {
			return nil, err
		}
		out[name] = copied
	}
	return out, nil
}

func (c *compiler) copyElements(p place) (any, *CompileError) {
	if _, ok := p.value.([]any); !ok {
		return p.value, nil
	}
	out := []any{}
	for _, element := range c.elements(p) {
		copied, err := c.copy(element)
		if err != nil {
			return nil, err
		}
		out = append(out, copied)
	}
	return out, nil
}
