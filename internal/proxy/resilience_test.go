package proxy_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// Case G1 of the field.
func TestG1OneSlowBackendIsHedgedAlone(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		var slowCalls atomic.Int32
		fast := testkit.NewBackend(t, nil)
		slow := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
			if slowCalls.Add(1) == 1 {
				<-r.Context().Done() // until it is told that another attempt was faster
				return
			}
			_, _ = w.Write([]byte(`{}`))
		})
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("fast", fast.URL),
			testkit.Receiver("slow", slow.URL, func(b *routeconfig.Backend) {
				b.Hedge = &routeconfig.Hedge{Delay: testkit.Span(20 * time.Millisecond), Max: 1, BudgetPercent: 10}
			}))))
		r := p.Do("GET", "orders", "/", "")
		if r.Status != 200 || !strings.Contains(r.Header.Get("Fanout-Backends"), "attempts=2") {
			t.Errorf("%d %s", r.Status, r.Header.Get("Fanout-Backends"))
		}
		if n := fast.Count(); n != 1 || slowCalls.Load() != 2 {
			t.Errorf("the fast backend got %d requests and the slow one %d, want 1 and 2", n, slowCalls.Load())
		}
		metrics := p.Ask("/metrics").Body
		for _, line := range []string{
			`fanout_hedges_sent_total{backend="slow",namespace="shop",route="orders"} 1`,
			`fanout_hedges_won_total{backend="slow",namespace="shop",route="orders"} 1`,
			`fanout_hedges_wasted_total{backend="slow",namespace="shop",route="orders"} 0`,
		} {
			if !strings.Contains(metrics, line) {
				t.Errorf("no line %s", line)
			}
		}
	})
}

// The circuit shows in the response, in /status and in metrics, and survives a reload
// that leaves its backend alone.
func TestCircuitIsShown(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, status(500))
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
		b.CircuitBreaker = &routeconfig.CircuitBreaker{
			FailurePercent: 50, MinimumRequests: 2, Window: testkit.Span(time.Minute), OpenFor: testkit.Span(time.Hour), HalfOpenRequests: 1,
		}
	})))
	p := proxytest.Serve(t, proxy.Options{}, route)
	circuit := func() stats.Circuit { return p.Report(time.Now()).Routes[0].Backends[0].Circuit }
	if got := circuit(); got != "closed" {
		t.Errorf("before any call the circuit is %q", got)
	}
	for range 2 {
		p.Do("POST", "orders", "/", "{}")
	}
	route.Dispatch.MaxInFlight++
	p.Load(route)
	r := p.Do("POST", "orders", "/", "{}")
	if r.Status != 503 || r.Header.Get("Retry-After") != "3600" || !strings.Contains(r.Body, `"reason":"circuitOpen"`) {
		t.Errorf("with an open circuit: %d, Retry-After %q, %s", r.Status, r.Header.Get("Retry-After"), r.Body)
	}
	if n := b.Count(); n != 2 || circuit() != "open" {
		t.Errorf("%d requests, circuit %q", n, circuit())
	}
	if m := p.Ask("/metrics").Body; !strings.Contains(m, `fanout_circuit_state{backend="one",namespace="shop",route="orders",state="open"} 1`) {
		t.Error("the metrics do not show the circuit")
	}
}
