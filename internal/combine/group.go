package combine

import (
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

// group shows the bodies alone, each under its backend's name.
type group struct{}

func (group) fits(a *fanout.Answer, _ *room) (content, bool) {
	parsed := examine(a, rawjson.Scanner{})
	return parsed, parsed.kind == empty || parsed.kind == jsonValue
}

func (group) size(c *Combiner, r *fanout.Result) int {
	n := 2
	for i := range r.Answers {
		parsed := checked(&r.Answers[i])
		n += len(c.names[i]) + len(`:null,`) + len(parsed.json)
	}
	return n
}

func (group) write(c *Combiner, r *fanout.Result, dst []byte, _ *room) ([]byte, *conflict) {
	dst = append(dst, '{')
	first := true
	for i := range r.Answers {
		a := &r.Answers[i]
		if a.Outcome != fanout.Succeeded {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, c.names[i]...), ':')
		if parsed := checked(a); parsed.kind == jsonValue {
			dst = append(dst, parsed.json...)
		} else {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, '}'), nil
}
