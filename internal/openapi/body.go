package openapi

import (
	"cmp"
	"maps"
	"mime"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/judge"
)

// Body is what an operation takes.
type Body struct {
	// Required says that there must be one.
	Required bool
	types    []mediaType // the most concrete one first
}

// mediaType is a range of media types, and the schema of bodies of these; nil admits any.
type mediaType struct {
	name   string
	schema *schema
}

// Schema is what a body of a media type is held against: nil for nothing. Bodies in JSON
// alone are judged. It reports false where the operation takes no such type.
func (b *Body) Schema(contentType string) (*judge.Schema, bool) {
	name, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, false
	}
	for i := range b.types {
		t := &b.types[i]
		switch {
		case !covers(t.name, name):
		case t.schema == nil || !isJSON(name):
			return nil, true
		default:
			return t.schema.judge, true
		}
	}
	return nil, false
}

func covers(pattern, name string) bool {
	if pattern == name || pattern == "*/*" {
		return true
	}
	kind, all := strings.CutSuffix(pattern, "*")
	return all && strings.HasPrefix(name, kind)
}

func isJSON(name string) bool {
	return name == "application/json" || strings.HasSuffix(name, "+json")
}

// mediaTypeOf is the range of media types that a member of content is for. Its parameters,
// such as charset, are left aside.
func mediaTypeOf(name string) string {
	plain, _, _ := strings.Cut(name, ";")
	return strings.ToLower(strings.TrimSpace(plain))
}

// body reads what an operation takes.
func (c *compiler) body(p place) (*Body, *CompileError) {
	if !p.there {
		return nil, nil
	}
	p, err := c.object(p)
	if err != nil {
		return nil, err
	}
	b := &Body{Required: c.says(p.child("required"), false)}
	content := p.child("content")
	for _, name := range slices.Sorted(maps.Keys(c.members(content))) {
		t := mediaType{name: mediaTypeOf(name)}
		of := content.child(name)
		c.members(of)
		if described := of.child("schema"); described.there {
			t.schema = c.schema(described)
		}
		b.types = append(b.types, t)
	}
	if len(b.types) == 0 {
		return nil, c.fault(p, "content names no media type")
	}
	slices.SortStableFunc(b.types, func(a, b mediaType) int {
		return cmp.Compare(strings.Count(a.name, "*"), strings.Count(b.name, "*"))
	})
	return b, nil
}
