package trace

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// Call is what the spans of a call are made of. It is read-only once it is handed over, and
// holds nothing that a client has chosen but its method and the context of its trace.
type Call struct {
	// Context is that of the call; its span is the caller's, and none where the call begins
	// the trace.
	Context

	// State is the caller's Tracestate.
	State string
	// Self is the call's own span.
	Self       SpanID
	Start, End time.Time
	// Method is as received.
	Method string
	// Rule is the path of the match that let the call in, as the route has it; empty for none.
	Rule string
	// Secure says that the client came over TLS, in version Major.Minor of HTTP.
	Secure       bool
	Major, Minor int
	// Status is that of the response, 499 where the client had left before it.
	Status int
	// Outcome is what became of the call, or Refused.
	Outcome string
	// Seen is what happened to a call that was not refused.
	Seen fanout.Recorded
	// Backends and Shadows stand as in Seen.
	Backends, Shadows []Backend
}

// Refused is the outcome of a call that came to no backend.
const Refused = "refused"

// Backend is what spans tell of one, the same for all calls.
type Backend struct {
	Name string
	// Host and Port are those of its URL.
	Host string
	Port int
	// Method is the one that it gets whatever the call's is; empty for the call's.
	Method string
}

// spans is how many a call has.
func (c *Call) spans() int {
	n := 1
	for _, list := range [][]fanout.RecordedLane{c.Seen.Backends, c.Seen.Shadows} {
		for i := range list {
			n += len(list[i].Attempts)
		}
	}
	return n
}

// parts is what a call takes of the queue: its spans, and what is known of each backend, which
// is as large whether it was asked or not.
func (c *Call) parts() int { return c.spans() + len(c.Seen.Backends) + len(c.Seen.Shadows) }

// NewSpan names a span: never zero (W3C Trace Context, section 3.2.2.4).
func NewSpan() (id SpanID) {
	for id == (SpanID{}) {
		fill(id[:])
	}
	return id
}

func newTrace() (id ID) {
	for id == (ID{}) {
		fill(id[:8])
		fill(id[8:])
	}
	return id
}

func fill(b []byte) {
	for i, r := 0, rand.Uint64(); i < len(b); i, r = i+1, r>>8 {
		b[i] = byte(r)
	}
}

// Begin decides whether a call is recorded: as its caller does, and where nobody says, by the
// share of them in percent. The context is that of the caller, or of a new trace; none where
// there is no trace.
func Begin(h http.Header, percent int) (c Context, recorded bool) {
	if c = Of(h); c.Known() {
		return c, c.Sampled()
	}
	if rand.IntN(100) >= percent {
		return Context{}, false
	}
	return Context{Trace: newTrace(), Flags: sampledFlag}, true
}

// Mark has a request be made in a span of the trace. Where the call begins the trace, what its
// caller says of one that cannot be read does not go with it (W3C Trace Context, section 3.3).
func (c Context) Mark(span SpanID, fields http.Header) {
	fields[Parent] = []string{c.Traceparent(span)}
	if c.Span == (SpanID{}) {
		delete(fields, State)
	}
}
