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
	// Errors are what is wrong with the request, one by one, where more is known of it.
	Errors []Error
}

// Error is one thing that is wrong with a request. It holds nothing of the value that is.
type Error struct {
	// Pointer is where in the body that is (RFC 6901); empty for all of it.
	Pointer string
	// Rule is what of the route refuses it, Keyword what of a schema does, and Message what
	// the route's author says of it. They are empty for none.
	Rule, Keyword, Message string
}

func (e *Error) append(dst []byte) []byte {
	dst = text(append(dst, `{"pointer":`...), e.Pointer)
	dst = text(append(dst, `,"rule":`...), e.Rule)
	if e.Keyword != "" {
		dst = text(append(dst, `,"keyword":`...), e.Keyword)
	}
	if e.Message != "" {
		dst = text(append(dst, `,"message":`...), e.Message)
	}
	return append(dst, '}')
}

func text(dst []byte, s string) []byte {
	return rawjson.AppendString(dst, []byte(strings.ToValidUTF8(s, "\uFFFD")))
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
		dst = text(append(dst, `,"detail":`...), p.Detail)
	}
	for i := range p.Errors {
		if i == 0 {
			dst = append(dst, `,"errors":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = p.Errors[i].append(dst)
	}
	if len(p.Errors) > 0 {
		dst = append(dst, ']')
	}
	return dst
}
