package openapi

import "strconv"

// What is read of a document has the type that OpenAPI gives it. Another one says nothing
// that could be held against a call: taken for nothing, it would let all pass. The first of
// these is what the document is refused for.

// elements are those of a list.
func (c *compiler) elements(p place) (list []place) {
	values, ok := p.value.([]any)
	c.expect(p, ok, "a list")
	for i := range values {
		list = append(list, p.child(strconv.Itoa(i)))
	}
	return list
}

// members are those of an object, by name.
func (c *compiler) members(p place) map[string]any {
	object, ok := p.value.(map[string]any)
	c.expect(p, ok, "an object")
	return object
}

// text is a value that is a text.
func (c *compiler) text(p place) string {
	s, ok := p.value.(string)
	c.expect(p, ok, "a text")
	return s
}

// says reports whether a value is true; what it is by default where it is not there.
func (c *compiler) says(p place, byDefault bool) bool {
	if !p.there {
		return byDefault
	}
	b, ok := p.value.(bool)
	c.expect(p, ok, "true or false")
	return b
}

// reference is what a place refers to; false for nothing.
func (c *compiler) reference(p place) (target string, ok bool) {
	to := p.child("$ref")
	target, ok = to.value.(string)
	c.expect(to, ok, "a text")
	return target, ok
}

// expect takes down what is there and has another type.
func (c *compiler) expect(p place, ok bool, kind string) {
	if p.there && !ok && c.mistyped == nil {
		c.mistyped = c.fault(p, "it must be "+kind)
	}
}
