package proxy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/collector"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	caller  = "00-" + traceID + "-00f067aa0ba902b7-"
)

// tracedTo has the calls of a route told of to a collector.
func tracedTo(c *collector.Collector, percent int) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) {
		r.Tracing = &routeconfig.Tracing{Endpoint: c.URL, Protocol: routeconfig.TracingHTTP, SamplePercent: percent}
	}
}

// contexts are the fields of a trace with which a backend was asked.
type contexts struct {
	mu   sync.Mutex
	seen []string // traceparent, tracestate and baggage
}

func (c *contexts) keep(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, strings.Join(r.Header["Traceparent"], ",")+"|"+strings.Join(r.Header["Tracestate"], ",")+"|"+strings.Join(r.Header["Baggage"], ","))
}

func (c *contexts) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// received waits for spans, as many at least.
func received(t *testing.T, c *collector.Collector, n int) []collector.Span {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%d spans came", n), func() bool { return len(c.Spans()) >= n })
	return c.Spans()
}

// A call that its caller records is continued: each attempt is made in a span of its own, whose
// name its backend is told, and the first one is linked to by what repeats it.
func TestTracesAreContinued(t *testing.T) {
	t.Parallel()
	c, asked := collector.HTTP(t), &contexts{}
	b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.keep(r); len(asked.all()) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
		b.Retry = &routeconfig.Retry{Attempts: 2, Methods: routeconfig.RetryAll, RetryOn: []string{"503"}, BudgetPercent: 100}
	})), tracedTo(c, 0), func(r *routeconfig.Route) { r.Listener.Matches = []routeconfig.Match{{Path: "/orders"}} }))
	p.Do("POST", "orders", "/orders/7?a=b", "{}", "Traceparent", caller+"03", "Tracestate", "a=1", "Tracestate", "b=2")
	spans := received(t, c, 3)
	if len(spans) != 3 {
		t.Fatalf("%d spans", len(spans))
	}
	server, first, retry := spans[0], spans[1], spans[2]
	if fmt.Sprintf("%x", server.ParentSpanId) != "00f067aa0ba902b7" || server.Kind != tracepb.Span_SPAN_KIND_SERVER || server.Name != "POST /orders" || server.TraceState != "a=1,b=2" {
		t.Errorf("the span of the call is %v", server.Span)
	}
	for i, s := range []collector.Span{first, retry} {
		want := fmt.Sprintf("00-%s-%x-03|a=1,b=2|", traceID, s.SpanId)
		if got := asked.all()[i]; got != want || fmt.Sprintf("%x", s.TraceId) != traceID || string(s.ParentSpanId) != string(server.SpanId) {
			t.Errorf("attempt %d was told %s, want %s; its span is %v", i, got, want, s.Span)
		}
	}
	if len(retry.Links) != 1 || string(retry.Links[0].SpanId) != string(first.SpanId) || len(first.Links) != 0 {
		t.Errorf("the links are %v and %v", first.Links, retry.Links)
	}
	if first.Attribute("error.type") != "503" || retry.Attribute("fanout.outcome") != "won" || retry.Attribute("fanout.attempt") != "retry" {
		t.Errorf("the attempts are %v and %v", first.Span, retry.Span)
	}
}

// What is not recorded passes as it came, byte for byte, and makes no span.
func TestContextsPassUnharmed(t *testing.T) {
	t.Parallel()
	c := collector.HTTP(t)
	for name, row := range map[string]struct {
		percent int
		fields  []string
		want    string // %s for a traceparent of ours
	}{
		"not recorded by its caller":                       {100, []string{"Traceparent", caller + "00", "Tracestate", "a=1"}, caller + "00|a=1|"},
		"with flags that nobody knows":                     {100, []string{"Traceparent", caller + "fe", "Tracestate", "a=1"}, caller + "fe|a=1|"},
		"without a trace":                                  {0, nil, "||"},
		"one that cannot be read":                          {0, []string{"Traceparent", "what", "Tracestate", "a=1"}, "what|a=1|"},
		"a new trace":                                      {100, nil, "ours||"},
		"a new trace, in place of one that cannot be read": {100, []string{"Traceparent", "what", "Tracestate", "a=1"}, "ours||"},
	} {
		asked := &contexts{}
		b := testkit.NewBackend(t, func(_ http.ResponseWriter, r *http.Request) { asked.keep(r) })
		p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)), tracedTo(c, row.percent)))
		p.Do("GET", "orders", "/", "", row.fields...)
		got := asked.all()[0]
		if ours, rest, _ := strings.Cut(got, "|"); strings.HasPrefix(row.want, "ours") && len(ours) == 55 && strings.HasSuffix(ours, "-01") && !strings.Contains(ours, traceID) {
			got = "ours|" + rest
		}
		if got != row.want {
			t.Errorf("%s: the backend was told %s, want %s", name, got, row.want)
		}
	}
	if spans := received(t, c, 4); len(spans) != 4 { // of the two new traces
		t.Errorf("%d spans", len(spans))
	}
}

// A route that says what a backend gets of a trace is obeyed.
func TestRulesForContextsHold(t *testing.T) {
	t.Parallel()
	c := collector.HTTP(t)
	asked := map[string]*contexts{}
	receiver := func(name string, modify func(*routeconfig.Request)) routeconfig.Backend {
		asked[name] = &contexts{}
		keep := asked[name].keep
		b := testkit.NewBackend(t, func(_ http.ResponseWriter, r *http.Request) { keep(r) })
		return testkit.Receiver(name, b.URL, request(modify))
	}
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		receiver("removes", func(r *routeconfig.Request) { r.RemoveHeaders = []string{"traceparent"} }),
		receiver("sets", func(r *routeconfig.Request) {
			r.SetHeaders = []routeconfig.NameValue{{Name: "Traceparent", Value: "mine"}}
		}),
		receiver("passes", func(*routeconfig.Request) {}),
	), tracedTo(c, 100), testkit.Shadow(receiver("dark", func(r *routeconfig.Request) { r.RemoveHeaders = []string{"Traceparent"} }), "None")))
	p.Do("GET", "orders", "/", "")
	spans := received(t, c, 5)
	for name, want := range map[string]string{"removes": "||", "sets": "mine||", "dark": "||"} {
		if got := asked[name].all(); !slices.Equal(got, []string{want}) {
			t.Errorf("%s was told %q, want %s", name, got, want)
		}
	}
	if got := asked["passes"].all()[0]; len(got) != 57 {
		t.Errorf("the backend without a rule was told %s", got)
	}
	shadows := 0
	for _, s := range spans {
		if s.Attribute("fanout.shadow") == true {
			shadows++
		}
	}
	if shadows != 1 {
		t.Errorf("%d of %d spans are of the shadow", shadows, len(spans))
	}
}

// A request that makes no call has a span of its own, and its line in the log the same trace.
func TestRefusedRequestsAreTold(t *testing.T) {
	t.Parallel()
	c := collector.HTTP(t)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL)), tracedTo(c, 100),
		func(r *routeconfig.Route) { r.Listener.Matches = []routeconfig.Match{{Path: "/good"}} }))
	p.Do("GET", "orders", "/bad", "")
	spans := received(t, c, 1)
	if s := spans[0]; s.Name != "GET" || s.Attribute("fanout.outcome") != "refused" || s.Attribute("http.response.status_code") != int64(404) || s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("the span is %v", s.Span)
	}
	if line := p.Log.Lines(t, "call")[0]; line["traceId"] != fmt.Sprintf("%x", spans[0].TraceId) {
		t.Errorf("the line is of trace %v, the span of %x", line["traceId"], spans[0].TraceId)
	}
}

// No span tells of a path, a query, a field, a body or a caller.
func TestSpansTellNothingOfTheRequest(t *testing.T) {
	t.Parallel()
	c := collector.HTTP(t)
	b := testkit.NewBackend(t, testkit.Respond(200, "application/json", `{"secret":"canary-answer"}`))
	p := serveCaller(t, testkit.Receivers(testkit.Receiver("one", b.URL+"/canary-base", request(forward))), tracedTo(c, 100))
	p.Do("POST", "orders", "/canary-path?canary=query", `{"secret":"canary-body"}`, "X-API-Key", "k", "X-Canary", "canary-field", "X-Request-Id", "canary-id", "User-Agent", "canary-agent")
	p.Do("CANARY", "orders", "/canary-path", "", "X-API-Key", "canary-key")
	received(t, c, 3)
	texts, _ := c.Texts()
	for _, text := range texts {
		if lower := strings.ToLower(text); strings.Contains(lower, "canary") || strings.Contains(text, "till") || strings.Contains(text, p.Address("orders")) {
			t.Errorf("spans tell: %s", text)
		}
	}
}

// A collector that hangs or is not there slows no call and fails none; what is lost is counted,
// from nothing on.
func TestNoCallWaitsForACollector(t *testing.T) {
	t.Parallel()
	c := collector.HTTP(t)
	release := make(chan struct{})
	c.Answer(func(http.ResponseWriter, *http.Request) bool { <-release; return false })
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL)), tracedTo(c, 100)))
	defer close(release) // before the proxy waits for it
	metrics := p.Ask("/metrics").Body
	for _, line := range []string{
		`fanout_trace_spans_exported_total{namespace="shop",route="orders"} 0`, `fanout_trace_export_failures_total{namespace="shop",route="orders"} 0`,
		`fanout_trace_spans_dropped_total{namespace="shop",reason="queueFull",route="orders"} 0`,
		`fanout_trace_spans_dropped_total{namespace="shop",reason="failed",route="orders"} 0`,
		`fanout_trace_spans_dropped_total{namespace="shop",reason="rejected",route="orders"} 0`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s", line)
		}
	}
	for range 3200 { // each three parts of 8,192
		if r := p.Do("GET", "orders", "/", ""); r.Status != 200 {
			t.Fatalf("status %d", r.Status)
		}
	}
	if body := p.Ask("/metrics").Body; strings.Contains(body, `reason="queueFull",route="orders"} 0`) {
		t.Error("6,400 spans wait, and none is dropped")
	}
}

// An edit of something else lets an exporter go on; another collector gets what is of its time.
func TestReloadsOfTracing(t *testing.T) {
	t.Parallel()
	one, two := collector.HTTP(t), collector.HTTP(t)
	b := testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", b, tracedTo(one, 100)))
	p.Do("GET", "orders", "/", "")
	p.Load(testkit.Route("orders", b, tracedTo(one, 100), func(r *routeconfig.Route) { r.Dispatch.MaxInFlight = 9 }))
	p.Do("GET", "orders", "/", "")
	p.Load(testkit.Route("orders", b, tracedTo(two, 100)))
	p.Do("GET", "orders", "/", "")
	p.Load(testkit.Route("orders", b))
	p.Do("GET", "orders", "/", "")
	if n, m := len(received(t, one, 4)), len(received(t, two, 2)); n != 4 || m != 2 {
		t.Errorf("%d and %d spans", n, m)
	}
	if one.Asked() != 1 {
		t.Errorf("the first collector was asked %d times", one.Asked())
	}
}
