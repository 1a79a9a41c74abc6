package trace

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// scope is what spans say they come from.
const scope = "github.com/fanout-operator/fanout"

// resource is whom the spans of a route are of.
type resource struct{ of *resourcepb.Resource }

func newResource(o *Options) resource {
	instance := newTrace()
	return resource{&resourcepb.Resource{Attributes: []*common.KeyValue{
		text("service.name", o.Route), text("service.namespace", o.Namespace), text("service.instance.id", instance.String()),
	}}}
}

// encode writes calls as an ExportTraceServiceRequest, of which TracesData has the form.
func (r resource) encode(calls []*Call) ([]byte, error) {
	out := &tracepb.ScopeSpans{Scope: &common.InstrumentationScope{Name: scope}}
	for _, c := range calls {
		out.Spans = append(out.Spans, c.server())
		for i := range c.Seen.Backends {
			out.Spans = append(out.Spans, c.attempts(&c.Seen.Backends[i], &c.Backends[i], false)...)
		}
		for i := range c.Seen.Shadows {
			out.Spans = append(out.Spans, c.attempts(&c.Seen.Shadows[i], &c.Shadows[i], true)...)
		}
	}
	encoded, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: r.of, ScopeSpans: []*tracepb.ScopeSpans{out},
	}}})
	if err != nil {
		return nil, fmt.Errorf("encode spans: %w", err)
	}
	return encoded, nil
}

// server is the span of the call.
func (c *Call) server() *tracepb.Span {
	method := known(c.Method)
	s := c.span(c.Self, tracepb.Span_SPAN_KIND_SERVER, c.Start, c.End)
	s.Name = name(method, c.Rule)
	if c.Span != (SpanID{}) {
		s.ParentSpanId = c.Span[:]
	}
	scheme := "http"
	if c.Secure {
		scheme = "https"
	}
	s.Attributes = append(s.Attributes, text("http.request.method", method), text("url.scheme", scheme),
		text("network.protocol.version", version(c.Major, c.Minor)), text("fanout.outcome", c.Outcome))
	if c.Rule != "" {
		s.Attributes = append(s.Attributes, text("http.route", c.Rule))
	}
	if c.Status != 0 {
		s.Attributes = append(s.Attributes, number("http.response.status_code", c.Status))
	}
	if d := c.Seen.Decided; !d.At.IsZero() {
		s.Attributes = append(s.Attributes, text("fanout.decided.by", d.Decider.String()))
	}
	if c.Status >= 500 {
		fail(s, strconv.Itoa(c.Status))
	}
	for i := range c.Seen.Backends {
		s.Events = append(s.Events, answer(&c.Seen.Backends[i], c.Backends[i].Name))
	}
	return s
}

// answer is the event of what became of a backend.
func answer(l *fanout.RecordedLane, backend string) *tracepb.Span_Event {
	e := &tracepb.Span_Event{
		Name: "fanout.answer", TimeUnixNano: nanos(l.Ended),
		Attributes: []*common.KeyValue{text("fanout.backend", backend), text("fanout.outcome", l.Outcome.String()), number("fanout.attempts", len(l.Attempts)+l.Omitted)},
	}
	if l.Reason != fanout.NoReason {
		e.Attributes = append(e.Attributes, text("fanout.reason", l.Reason.String()))
	}
	if l.Status != 0 {
		e.Attributes = append(e.Attributes, number("http.response.status_code", l.Status))
	}
	return e
}

// attempts are the spans of what a backend was asked.
func (c *Call) attempts(l *fanout.RecordedLane, b *Backend, shadow bool) (list []*tracepb.Span) {
	method := b.Method
	if method == "" {
		method = known(c.Method)
	}
	for i := range l.Attempts {
		a := &l.Attempts[i]
		end := a.Ended
		if end.IsZero() {
			end = l.Ended
		}
		s := c.span(SpanID(a.ID), tracepb.Span_SPAN_KIND_CLIENT, a.Begun, end)
		s.Name, s.ParentSpanId = name(method, b.Name), c.Self[:]
		s.Attributes = append(s.Attributes, text("http.request.method", method), text("server.address", b.Host), number("server.port", b.Port),
			text("fanout.backend", b.Name), text("fanout.attempt", a.Kind.String()), text("fanout.outcome", a.Fate.String()))
		if i > 0 {
			s.Attributes = append(s.Attributes, number("http.request.resend_count", i))
			s.Links = []*tracepb.Span_Link{{
				TraceId: c.Trace[:], SpanId: l.Attempts[0].ID[:], TraceState: c.State, Flags: uint32(c.Flags),
				Attributes: []*common.KeyValue{text("fanout.link", a.Kind.String())},
			}}
		}
		if shadow {
			s.Attributes = append(s.Attributes, flag("fanout.shadow"))
		}
		verdict(s, a)
		list = append(list, s)
	}
	return list
}

// verdict says what became of an attempt. One that was cut, because another was faster or
// nobody waited any more, has not failed.
func verdict(s *tracepb.Span, a *fanout.RecordedAttempt) {
	if a.Status != 0 {
		s.Attributes = append(s.Attributes, number("http.response.status_code", a.Status))
	}
	if a.Fate != fanout.FateFailed {
		return
	}
	s.Attributes = append(s.Attributes, text("fanout.reason", a.Reason.String()))
	if a.Reason == fanout.Status {
		fail(s, strconv.Itoa(a.Status))
		return
	}
	fail(s, a.Reason.String())
}

func fail(s *tracepb.Span, kind string) {
	s.Attributes = append(s.Attributes, text("error.type", kind))
	s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
}

func (c *Call) span(self SpanID, kind tracepb.Span_SpanKind, start, end time.Time) *tracepb.Span {
	return &tracepb.Span{
		TraceId: c.Trace[:], SpanId: self[:], TraceState: c.State, Flags: uint32(c.Flags), Kind: kind,
		StartTimeUnixNano: nanos(start), EndTimeUnixNano: max(nanos(start), nanos(end)),
	}
}

func nanos(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixNano())
}

// known is a method that HTTP has, or the word for any other (semantic conventions, HTTP).
func known(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	}
	return other
}

const other = "_OTHER"

// name is that of a span: the method, and at what. A method that nobody knows is HTTP there.
func name(method, at string) string {
	if method == other {
		method = "HTTP"
	}
	return strings.TrimSpace(method + " " + at)
}

func version(major, minor int) string {
	if major >= 2 {
		return strconv.Itoa(major)
	}
	return strconv.Itoa(major) + "." + strconv.Itoa(minor)
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(value, "\uFFFD")}}}
}

func number(key string, value int) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(value)}}}
}

func flag(key string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}}
}
