package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/trace"
)

// tracing is how calls of a route are told of by spans.
type tracing struct {
	percent  int
	exporter *trace.Exporter
	backends []trace.Backend
	shadows  []trace.Backend
	// own says which of backends, then shadows, have a rule for the context of a trace: it
	// holds, and nothing of ours is put in its place.
	own []bool
}

// tracing compiles that of a route. The exporter goes by the route and its settings, so that
// an edit of something else lets it go on.
func (c *compiler) tracing(r *route) (*tracing, error) {
	config := r.config.Tracing
	if config == nil {
		return nil, nil
	}
	content, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode tracing: %w", err)
	}
	o := trace.Options{Config: config, Namespace: r.config.Namespace, Route: r.config.Name, Dialer: c.options.Dialer, Log: c.options.Log}
	if config.CASecret != "" {
		o.Authorities = c.store.Authorities(r.config.Namespace, config.CASecret)
	}
	if config.HeadersSecret != "" {
		o.Headers = c.store.Headers(r.config.Namespace, config.HeadersSecret)
	}
	t := &tracing{percent: config.SamplePercent}
	id := r.id + "\n" + string(content)
	if t.exporter = c.old.traces[id]; t.exporter == nil {
		if t.exporter, err = trace.New(o); err != nil {
			return nil, fmt.Errorf("compile tracing: %w", err)
		}
	}
	c.fresh.traces[id] = t.exporter
	for i := range r.config.Backends {
		t.backends = append(t.backends, t.receiver(&r.config.Backends[i]))
	}
	for i := range r.config.Shadows {
		t.shadows = append(t.shadows, t.receiver(&r.config.Shadows[i].Backend))
	}
	return t, nil
}

// receiver is what spans tell of a backend.
func (t *tracing) receiver(config *routeconfig.Backend) trace.Backend {
	rules := func(name string) bool { return strings.EqualFold(name, trace.Parent) }
	t.own = append(t.own, slices.ContainsFunc(config.Request.RemoveHeaders, rules) ||
		slices.ContainsFunc(config.Request.SetHeaders, func(h routeconfig.NameValue) bool { return rules(h.Name) }))
	b := trace.Backend{Name: config.Name, Method: config.Request.Method}
	if u, err := url.Parse(config.URL); err == nil { // the document was validated
		b.Host = u.Hostname()
		b.Port, _ = strconv.Atoi(dial.Port(u))
	}
	return b
}

// traced is one request that is told of. It outlives the request, of which it keeps what spans
// may tell.
type traced struct {
	of   *tracing
	call trace.Call
}

// trace begins a span where the request is to be told of. Without tracing it does nothing.
func (v *visit) trace() {
	t := v.route.tracing
	if t == nil {
		return
	}
	r := v.Request
	context, recorded := trace.Begin(r.Header, t.percent)
	if !recorded {
		return
	}
	v.traced = &traced{of: t, call: trace.Call{
		Context: context, Self: trace.NewSpan(), Start: v.start, Method: r.Method,
		Secure: r.TLS != nil, Major: r.ProtoMajor, Minor: r.ProtoMinor, Backends: t.backends, Shadows: t.shadows,
	}}
	if context.Span != (trace.SpanID{}) {
		v.traced.call.State = trace.StateOf(r.Header)
	}
}

// context is that of the request: of its caller, or of the trace that it begins.
func (v *visit) context() trace.Context {
	if v.traced != nil {
		return v.traced.call.Context
	}
	return trace.Of(v.Request.Header)
}

// admit notes which match has let the call in; it is the type of the match, and its path.
func (t *traced) admit(rule string) { _, t.call.Rule, _ = strings.Cut(rule, " ") }

// mark has an attempt be made in a span of its own, unless the route says what its backend
// gets.
func (t *traced) mark(lane int, attempt fanout.AttemptID, fields http.Header) {
	if !t.of.own[lane] {
		t.call.Mark(trace.SpanID(attempt), fields)
	}
}

// done hands the spans of a call over.
func (t *traced) done(record *fanout.Record) {
	seen := record.Recorded()
	t.call.Seen, t.call.End, t.call.Status, t.call.Outcome = seen, seen.Responded, seen.Status, seen.Outcome.String()
	t.of.exporter.Add(&t.call)
}

// refused hands over the span of a request that made no call. One that did, and whose response
// could not be made, has its record.
func (t *traced) refused(v *visit) {
	if t == nil || v.result != nil {
		return
	}
	t.call.End, t.call.Status, t.call.Outcome = time.Now(), v.status, trace.Refused
	t.of.exporter.Add(&t.call)
}

// spans writes what became of spans.
func (m metrics) spans(r *route) {
	if r.tracing == nil {
		return
	}
	c := r.tracing.exporter.Counts()
	m.Counter("fanout_trace_spans_exported_total", "Spans that the collector has taken.", c.Exported)
	const dropped, why = "fanout_trace_spans_dropped_total", "Spans that the collector has not taken, by why."
	m.Counter(dropped, why, c.Full, "reason", "queueFull")
	m.Counter(dropped, why, c.Failed, "reason", "failed")
	m.Counter(dropped, why, c.Rejected, "reason", "rejected")
	m.Counter("fanout_trace_export_failures_total", "Requests to the collector that it did not take.", c.Failures)
}
