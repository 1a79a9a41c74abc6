package combine

import (
	"encoding/base64"
	"strconv"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// envelope shows every backend with its outcome, status and body.
type envelope struct{}

func (envelope) fits(a *fanout.Answer, _ *room) (content, bool) {
	parsed := examine(a, rawjson.Scanner{})
	return parsed, parsed.kind != encoded && parsed.kind != tooDeep
}

// skeleton is what an entry takes beside its name, fields and body.
const skeleton = 160

func (envelope) size(c *Combiner, r *fanout.Result) int { return c.sizeOfBackends(r) + skeleton }

// sizeOfBackends is how many bytes appendBackends appends at the most.
func (c *Combiner) sizeOfBackends(r *fanout.Result) int {
	n := 0
	for i := range r.Answers {
		n += len(c.names[i]) + skeleton
		if c.Type == routeconfig.ResponseEnvelope {
			n += c.sizeOfResponse(&r.Answers[i])
		}
	}
	return n
}

// sizeOfResponse is how many bytes appendResponse appends at the most, but for what its
// skeleton has.
func (c *Combiner) sizeOfResponse(a *fanout.Answer) int {
	n := sizeOfField(a.Header.Get("Content-Type"))
	for _, name := range c.HeadersFromBackends {
		if values := lines(a.Header, name); len(values) > 0 {
			n += sizeOfField(name) + len(`"headers":{`)
			for _, value := range values {
				n += sizeOfField(value)
			}
		}
	}
	switch parsed := checked(a); parsed.kind {
	case jsonValue:
		n += len(parsed.json)
	case text:
		n += rawjson.StringLen(a.Body)
	case octets:
		n += base64.StdEncoding.EncodedLen(len(a.Body)) + 2
	case empty, encoded, tooDeep:
	}
	return n
}

func (envelope) write(c *Combiner, r *fanout.Result, dst []byte, _ *room) ([]byte, *conflict) {
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
	dst = c.appendFields(dst, a.Header)
	parsed := checked(a)
	switch parsed.kind {
	case jsonValue:
		dst = append(dst, `,"body":`...)
		dst = append(dst, parsed.json...)
	case text:
		dst = append(dst, `,"body":`...)
		dst = rawjson.AppendString(dst, a.Body)
	case octets:
		dst = append(dst, `,"bodyBase64":`...)
		dst = appendBase64(dst, a.Body)
	case empty, encoded, tooDeep:
	}
	return dst
}
