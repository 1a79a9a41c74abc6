package gate

import (
	"errors"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/body"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// validation says which calls are well formed.
type validation struct {
	maxSize int64
	timeout time.Duration
	types   []string // lower case; any where empty
}

func newValidation(config *routeconfig.Validation) validation {
	v := validation{maxSize: config.MaxBodySize, timeout: time.Duration(config.BodyTimeout)}
	for _, t := range config.ContentTypes {
		v.types = append(v.types, strings.ToLower(t))
	}
	return v
}

// readBody reads the body into the call. A call without a body passes every rule about
// bodies.
func (g *Gate) readBody(guest *Guest, a *Admission) *Refusal {
	r, rules := guest.Request, &g.validation
	if r.ContentLength == 0 {
		a.read = true
		return nil
	}
	if r.ContentLength > 0 && !rules.admits(r.Header["Content-Type"]) {
		return unsupportedType(rules.types)
	}
	content, refusal := rules.receive(guest)
	if refusal != nil {
		return refusal
	}
	a.read = true
	// A chunked body shows only now whether it has any bytes at all.
	if len(content) > 0 && !rules.admits(r.Header["Content-Type"]) {
		return unsupportedType(rules.types)
	}
	a.Call.Body = content
	return nil
}

// incoming is the body of a request on its way in. It implements memory.Incoming.
type incoming struct {
	guest   *Guest
	control http.ResponseController
	maxSize int64
	content []byte
	err     error
}

// Receive implements memory.Incoming.
func (in *incoming) Receive() {
	r := in.guest.Request
	in.content, in.err = body.Read(r.Body, r.ContentLength, in.maxSize, in.guest.Memory)
}

// Stop implements memory.Incoming.
func (in *incoming) Stop() { in.until(time.Now()) }

// until bounds the reading. Not every writer has deadlines; the server's always do.
func (in *incoming) until(at time.Time) { _ = in.control.SetReadDeadline(at) }

// receive takes the body in, at its sender's pace but no slower than the rules allow.
func (v *validation) receive(guest *Guest) (content []byte, refusal *Refusal) {
	in := &incoming{guest: guest, control: *http.NewResponseController(guest.Writer), maxSize: v.maxSize}
	in.until(time.Now().Add(v.timeout))
	yielded := guest.Memory.Receive(in)
	err := in.err
	switch {
	case err == nil:
		in.until(time.Time{})
		return in.content, nil
	case yielded:
		return nil, OutOfMemory()
	case errors.Is(err, body.ErrTooLarge):
		return nil, tooLarge(v.maxSize)
	case errors.Is(err, memory.ErrUsedUp):
		return nil, OutOfMemory()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, bodyTimeout(v.timeout)
	}
	refusal = brokenBody()
	refusal.Gone = guest.Request.Context().Err() != nil
	return nil, refusal
}

// admits reports whether a body of a type is taken. Of two types nobody knows which one
// counts.
func (v *validation) admits(contentTypes []string) bool {
	if len(v.types) == 0 {
		return true
	}
	if len(contentTypes) != 1 {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(contentTypes[0])
	return err == nil && slices.Contains(v.types, mediaType)
}
