package combine

import (
	"net/http"
	"strconv"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// envelope shows every backend with its outcome, status and body.
type envelope struct{}

func (envelope) fits(a *fanout.Answer) (content, bool) {
	parsed := examine(a)
	return parsed, parsed.kind != encoded
}

func (envelope) write(c *Combiner, r *fanout.Result, dst []byte) ([]byte, *conflict) {
	dst = append(dst, `{"outcome":"`...)
	dst = append(dst, r.Outcome.String()...)
	dst = append(dst, `","backends":`...)
	dst = c.appendBackends(dst, r)
	return append(dst, '}'), nil
}

// appendBackends writes the object with an entry for each backend, in the order of
// the spec.
func (c *Combiner) appendBackends(dst []byte, r *fanout.Result) []byte {
	dst = append(dst, '{')
	for i := range r.Answers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c.names[i]...)
		dst = append(dst, ':')
		dst = c.appendEntry(dst, &r.Answers[i])
	}
	return append(dst, '}')
}

func (c *Combiner) appendEntry(dst []byte, a *fanout.Answer) []byte {
	dst = append(dst, `{"outcome":"`...)
	dst = append(dst, a.Outcome.String()...)
	dst = append(dst, '"')
	if a.Reason != fanout.NoReason {
		dst = append(dst, `,"reason":"`...)
		dst = append(dst, a.Reason.String()...)
		dst = append(dst, '"')
	}
	if a.Responded() {
		dst = append(dst, `,"status":`...)
		dst = strconv.AppendInt(dst, int64(a.Status), 10)
		dst = c.appendResponse(dst, a)
	}
	return append(dst, '}')
}

// appendResponse writes what only an Envelope shows of a backend's response.
func (c *Combiner) appendResponse(dst []byte, a *fanout.Answer) []byte {
	if c.Type != routeconfig.ResponseEnvelope {
		return dst
	}
	if contentType := a.Header.Get("Content-Type"); contentType != "" {
		dst = append(dst, `,"contentType":`...)
		dst = appendField(dst, contentType)
	}
	dst = c.appendHeaders(dst, a.Header)
	parsed, _ := a.Checked.(content)
	switch parsed.kind {
	case jsonValue:
		dst = append(dst, `,"body":`...)
		dst = append(dst, parsed.json...)
	case text:
		dst = append(dst, `,"body":`...)
		dst = appendString(dst, a.Body)
	case binary:
		dst = append(dst, `,"bodyBase64":`...)
		dst = appendBase64(dst, a.Body)
	case empty, encoded:
	}
	return dst
}

// appendHeaders writes the fields that the route passes, each with all its lines.
func (c *Combiner) appendHeaders(dst []byte, h http.Header) []byte {
	open := false
	for _, name := range c.HeadersFromBackends {
		lines := h[name]
		if len(lines) == 0 {
			continue
		}
		if open {
			dst = append(dst, ',')
		} else {
			dst, open = append(dst, `,"headers":{`...), true
		}
		dst = append(appendString(dst, []byte(name)), ':', '[')
		for i, line := range lines {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendField(dst, line)
		}
		dst = append(dst, ']')
	}
	if open {
		dst = append(dst, '}')
	}
	return dst
}

// appendField writes a field's value, whose bytes beyond ASCII have no meaning
// (RFC 9110, section 5.5), so that it is a JSON string in any case.
func appendField(dst []byte, value string) []byte {
	return appendString(dst, []byte(toValidUTF8(value)))
}
