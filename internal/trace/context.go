package trace

import (
	"encoding/hex"
	"net/http"
	"strings"
)

// Context is where a request stands in a trace (W3C Trace Context). The zero value is none.
type Context struct {
	Trace ID
	// Span is the one that the request was made in.
	Span SpanID
	// Flags are as they came: bits that nobody here knows pass.
	Flags byte
}

// ID names a trace.
type ID [16]byte

// SpanID names a span within a trace.
type SpanID [8]byte

// String is the form in fields and logs.
func (t ID) String() string { return hex.EncodeToString(t[:]) }

// sampledFlag says that whoever made the request may have recorded it.
const sampledFlag = 1

// Sampled reports whether the caller records its part of the trace.
func (c Context) Sampled() bool { return c.Flags&sampledFlag != 0 }

// Known reports whether there is a trace.
func (c Context) Known() bool { return c.Trace != ID{} }

const (
	// Parent is the field of a context, as header maps have it.
	Parent = "Traceparent"
	// State is that of what vendors keep with it.
	State = "Tracestate"
	// parentSize is that of a Traceparent of version 00. Later ones are as long at least, and
	// begin the same.
	parentSize = 55
)

// Of is the context of a request; none where it has none that can be read, or several.
func Of(h http.Header) Context {
	values := h[Parent]
	if len(values) != 1 {
		return Context{}
	}
	return parse(values[0])
}

// parse reads VERSION-TRACE-SPAN-FLAGS, all of it in lower-case hexadecimal digits.
func parse(text string) Context {
	if len(text) < parentSize || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Context{}
	}
	var version, flags [1]byte
	c := Context{}
	whole := digits(version[:], text[:2]) && digits(c.Trace[:], text[3:35]) && digits(c.Span[:], text[36:52]) && digits(flags[:], text[53:55])
	switch c.Flags = flags[0]; {
	case !whole, version[0] == 0xff, c.Trace == ID{}, c.Span == SpanID{}:
		return Context{}
	case len(text) > parentSize && (version[0] == 0 || text[parentSize] != '-'):
		return Context{}
	}
	return c
}

// digits reads hexadecimal digits; upper-case ones are none.
func digits(into []byte, text string) bool {
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}

// Traceparent is the field of a request that is made in a span of the trace.
func (c Context) Traceparent(span SpanID) string {
	out := make([]byte, 0, parentSize)
	out = append(out, "00-"...)
	out = hex.AppendEncode(out, c.Trace[:])
	out = append(out, '-')
	out = hex.AppendEncode(out, span[:])
	out = append(out, '-')
	return string(hex.AppendEncode(out, []byte{c.Flags}))
}

// maxState bounds what is told of a Tracestate: whoever has more of it loses it in spans, and
// none of it on the way to backends (W3C Trace Context, section 3.3.1.5).
const maxState = 512

// StateOf is the Tracestate of a request, for its spans.
func StateOf(h http.Header) string {
	if state := strings.Join(h[State], ","); len(state) <= maxState {
		return state
	}
	return ""
}
