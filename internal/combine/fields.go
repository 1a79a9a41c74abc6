package combine

import (
	"net/http"
	"slices"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
)

// passable returns the canonical names of the fields that a combined response may
// carry. The CRD refuses the others, but a document may come from elsewhere: a
// second Content-Length would let a backend split our response.
func passable(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		if speaksOfCombined(name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// speaksOfCombined tells fields that can be true of a combined response from those
// that speak about one connection (RFC 9110, section 7.6.1), one body or us.
func speaksOfCombined(name string) bool {
	switch headers.Fold(name) {
	case "Date", "Location", "X-Request-Id": // the last is the call's
		return false
	}
	return !headers.IsHopByHop(name) && !headers.AboutContent(name) && !headers.Own(name)
}

// lines returns the lines of a field, unless the backend's Connection made it one
// of the connection.
func lines(h http.Header, name string) []string {
	if len(h["Connection"]) > 0 && slices.Contains(headers.Named(h), headers.Fold(name)) {
		return nil
	}
	return h[name]
}

// passFields adds fields of the backends that succeeded, repeated ones and all.
func (c *Combiner) passFields(r *fanout.Result, h http.Header) {
	for _, name := range c.HeadersFromBackends {
		var all []string
		for i := range r.Answers {
			if r.Answers[i].Outcome == fanout.Succeeded {
				all = append(all, lines(r.Answers[i].Header, name)...)
			}
		}
		if len(all) > 0 {
			h[name] = all
		}
	}
}

// appendFields writes the fields that the route passes, each with all its lines.
func (c *Combiner) appendFields(dst []byte, h http.Header) []byte {
	open := false
	for _, name := range c.HeadersFromBackends {
		values := lines(h, name)
		if len(values) == 0 {
			continue
		}
		if open {
			dst = append(dst, ',')
		} else {
			dst, open = append(dst, `,"headers":{`...), true
		}
		dst = append(appendField(dst, name), ':', '[')
		for i, value := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendField(dst, value)
		}
		dst = append(dst, ']')
	}
	if open {
		dst = append(dst, '}')
	}
	return dst
}
