package judge

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// circular is what is wrong with a schema that is, in the end, its own condition. JSON Schema
// leaves open what it admits (2020-12, section 9.4.1): no value could be judged by it.
const circular = "it refers to itself, and no value can be judged by it"

// circles looks for schemas that apply to the value that another one of the same circle
// applies to. Each schema is looked at once, however often it is asked for.
type circles struct {
	seen, open, done map[*jsonschema.Schema]bool
}

func newCircles() *circles {
	return &circles{map[*jsonschema.Schema]bool{}, map[*jsonschema.Schema]bool{}, map[*jsonschema.Schema]bool{}}
}

// find returns a schema of a circle among all that one leads to; nil for none.
func (c *circles) find(from *jsonschema.Schema) *jsonschema.Schema {
	list := []*jsonschema.Schema{from}
	for i := 0; i < len(list); i++ {
		s := list[i]
		if s == nil || c.seen[s] {
			continue
		}
		c.seen[s] = true
		if found := c.closed(s); found != nil {
			return found
		}
		list = append(append(list, conditions(s)...), parts(s)...)
	}
	return nil
}

// closed returns a schema that is a condition of itself, among those of one.
func (c *circles) closed(s *jsonschema.Schema) *jsonschema.Schema {
	switch {
	case s == nil, c.done[s]:
		return nil
	case c.open[s]:
		return s
	}
	c.open[s] = true
	for _, next := range conditions(s) {
		if found := c.closed(next); found != nil {
			return found
		}
	}
	delete(c.open, s)
	c.done[s] = true
	return nil
}

// conditions are the schemas that apply to the same value; nil among them are none.
func conditions(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else}
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
	}
	return slices.Concat(list, s.AllOf, s.AnyOf, s.OneOf)
}

// parts are the other schemas in one: those of its value's members and elements, and those
// that apply where a member is there.
func parts(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{
		s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
		one(s.AdditionalProperties), one(s.Items), one(s.AdditionalItems),
	}
	list = slices.AppendSeq(list, maps.Values(s.Properties))
	list = slices.AppendSeq(list, maps.Values(s.PatternProperties))
	list = slices.AppendSeq(list, maps.Values(s.DependentSchemas))
	for _, of := range s.Dependencies {
		list = append(list, one(of))
	}
	items, _ := s.Items.([]*jsonschema.Schema)
	return slices.Concat(list, s.PrefixItems, items)
}

// one is a keyword's value that is a schema; nil for another one.
func one(value any) *jsonschema.Schema {
	s, _ := value.(*jsonschema.Schema)
	return s
}
