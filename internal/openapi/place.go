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
	there bool // a value may be null
	path  []string
}

// child is a member of an object, or an element of a list.
func (p place) child(token string) place {
	next := place{path: append(slices.Clip(p.path), token)}
	switch v := p.value.(type) {
	case map[string]any:
		next.value, next.there = v[token]
	case []any:
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(v) {
			next.value, next.there = v[i], true
		}
	}
	return next
}

// pointer is where the place is, as messages have it.
func (p place) pointer() string { return rawjson.Pointer(p.path) }

// object is what a place refers to in the end, or itself: an object.
func (c *compiler) object(p place) (place, *CompileError) {
	p, err := c.follow(p)
	c.members(p)
	return p, err
}

// follow is what a place refers to in the end, or itself.
func (c *compiler) follow(p place) (place, *CompileError) {
	for range maxReferences {
		target, ok := c.reference(p)
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
	to := place{value: c.document, there: true}
	for _, token := range judge.Tokens(plain) {
		to = to.child(token)
	}
	if !to.there {
		return place{}, c.fault(from.child("$ref"), target+": there is no such place in the document")
	}
	return to, nil
}

// fault is what is wrong at a place.
func (c *compiler) fault(p place, text string) *CompileError {
	return at(locate(c.root, p.path), strconv.Quote(p.pointer())+": "+text)
}
