// Package problem is why a client does not get what it asked for (RFC 9457): one type, and
// the catalogue of its kinds. docs/semantics.md lists them.
package problem

import (
	"strconv"
	"strings"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// ContentType is the media type of a problem.
const ContentType = "application/problem+json"

// base is what the types of all problems begin with. Nothing has to be served there.
const base = "https://fanout.dev/problems/"

// Problem is one response that is no success. Its type and title are those of its kind.
type Problem struct {
	Kind   Kind
	Status int
	// Detail names the rule of the route, without its end. Empty for none.
	Detail string
}

// Append writes the problem as a JSON object.
func (p *Problem) Append(dst []byte) []byte { return append(p.Open(dst), '}') }

// Open writes it without its end, for more members.
func (p *Problem) Open(dst []byte) []byte {
	dst = append(dst, `{"type":"`+base...)
	dst = append(dst, p.Kind.Slug()...)
	dst = append(dst, `","title":"`...)
	dst = append(dst, p.Kind.Title()...)
	dst = append(dst, `","status":`...)
	dst = strconv.AppendInt(dst, int64(p.Status), 10)
	if p.Detail != "" {
		dst = append(dst, `,"detail":`...)
		dst = rawjson.AppendString(dst, []byte(strings.ToValidUTF8(p.Detail, "\uFFFD")))
	}
	return dst
}
