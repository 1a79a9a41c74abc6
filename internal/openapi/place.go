package openapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

// maxReferences bounds how many references follow each other.
const maxReferences = 16

// place is a value of the document, and where it stands.
type place struct {
	value any
	path  []string
}

// child is a member of an object, or an element of a list.
func (p place) child(token string) place {
	next := place{path: append(slices.Clip(p.path), token)}
	switch v := p.value.(type) {
	case map[string]any:
		next.value = v[token]
	case []any:
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(v) {
			next.value = v[i]
		}
	}
	return next
}

// members are those of an object, by name.
func (p place) members() map[string]any {
	object, _ := p.value.(map[string]any)
	return object
}

// text is a value that is a text; empty for another one.
func (p place) text() string {
	s, _ := p.value.(string)
	return s
}

// says reports whether a value is true.
func (p place) says() bool {
	b, _ := p.value.(bool)
	return b
}

// elements are those of a list.
func (p place) elements() (list []place) {
	values, _ := p.value.([]any)
	for i := range values {
		list = append(list, p.child(strconv.Itoa(i)))
	}
	return list
}

// pointer is where the place is, as messages have it.
func (p place) pointer() string { return rawjson.Pointer(p.path) }

// follow is what a place refers to in the end, or itself.
func (c *compiler) follow(p place) (place, *CompileError) {
	for range maxReferences {
		target, ok := p.members()["$ref"].(string)
		if !ok {
			return p, nil
		}
		next, err := c.referred(p, target)
		if err != nil {
			return place{}, err
		}
		p = next
	}
	return place{}, c.fault(p, "references lead in a circle, or one to another too often")
}

// referred is the place that a reference leads to.
func (c *compiler) referred(from place, target string) (place, *CompileError) {
	plain, err := url.PathUnescape(strings.TrimPrefix(target, "#"))
	if err != nil {
		plain = strings.TrimPrefix(target, "#")
	}
	to := place{value: c.document}
	for _, token := range judge.Tokens(plain) {
		to = to.child(token)
	}
	if to.value == nil {
		return place{}, c.fault(from.child("$ref"), target+": there is no such place in the document")
	}
	return to, nil
}

// fault is what is wrong at a place.
func (c *compiler) fault(p place, text string) *CompileError {
	return at(locate(c.root, p.path), strconv.Quote(p.pointer())+": "+text)
}
