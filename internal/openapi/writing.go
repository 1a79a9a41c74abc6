package openapi

import (
	"cmp"
	"encoding/json"
	"slices"
)

// maxSteps bounds what is looked at to tell the types of parameters.
const maxSteps = 200_000

// kinds are types that a value may have, as bits.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindNumber
	kindString
	kindArray
	kindObject
)

func kindOf(name string) kinds {
	switch name {
	case "null":
		return kindNull
	case "boolean":
		return kindBoolean
	case "integer", "number":
		return kindNumber
	case "string":
		return kindString
	case "array":
		return kindArray
	case "object":
		return kindObject
	}
	return 0
}

// writing is what tells a text apart that stands for values of several types: 1 is a
// number, unless a string is asked for.
type writing struct {
	own        kinds // none where the schema does not say
	items      kinds
	properties map[string]kinds
	rest       kinds // of other properties
}

// writingOf is that of the schema at a place.
func (c *compiler) writingOf(p place) *writing {
	w := &writing{properties: map[string]kinds{}}
	for _, part := range c.partsOf(p) {
		w.own |= kindsIn(part)
		w.items |= c.kindsOf(part.child("items"))
		w.rest |= c.kindsOf(part.child("additionalProperties"))
		properties := part.child("properties")
		for name := range c.members(properties) {
			w.properties[name] |= c.kindsOf(properties.child(name))
		}
	}
	return w
}

// kindsOf are the types that the schema at a place names.
func (c *compiler) kindsOf(p place) (found kinds) {
	if _, ok := p.value.(map[string]any); !ok {
		return 0
	}
	for _, part := range c.partsOf(p) {
		found |= kindsIn(part)
	}
	return found
}

// partsOf are those of parts; none where they cannot be told, which run tells.
func (c *compiler) partsOf(p place) []place {
	list, err := c.parts(p)
	c.tangled = cmp.Or(c.tangled, err)
	return list
}

// parts are a schema and all that it is put together from, each once.
func (c *compiler) parts(p place) ([]place, *CompileError) {
	list, seen := []place{p}, map[string]bool{p.pointer(): true}
	add := func(part place) {
		if pointer := part.pointer(); !seen[pointer] {
			seen[pointer] = true
			list = append(list, part)
		}
	}
	for i := 0; i < len(list); i++ {
		if c.steps++; c.steps > maxSteps {
			return nil, c.fault(p, "the schemas of parameters refer to each other too often")
		}
		if target, ok := c.reference(list[i]); ok {
			to, err := c.referred(list[i], target)
			if err != nil {
				return nil, err
			}
			add(to)
		}
		for _, token := range []string{"allOf", "anyOf", "oneOf"} {
			for _, part := range c.elements(list[i].child(token)) {
				add(part)
			}
		}
	}
	return list, nil
}

// kindsIn are those that one schema names: by type, or by the values that it lists.
func kindsIn(p place) (found kinds) {
	types := []any{p.child("type").value}
	if list, ok := types[0].([]any); ok {
		types = list
	}
	for _, t := range types {
		name, _ := t.(string)
		found |= kindOf(name)
	}
	if found != 0 {
		return found
	}
	values, _ := p.child("enum").value.([]any)
	if constant := p.child("const"); constant.there {
		values = append(slices.Clip(values), constant.value)
	}
	for _, v := range values {
		found |= kindOfValue(v)
	}
	return found
}

// kindOfValue is the type of a decoded value.
func kindOfValue(v any) kinds {
	switch v.(type) {
	case nil:
		return kindNull
	case bool:
		return kindBoolean
	case json.Number:
		return kindNumber
	case string:
		return kindString
	case []any:
		return kindArray
	}
	return kindObject
}
