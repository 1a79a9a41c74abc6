package proxy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// limitsOf adds limits of so many calls an hour.
func limitsOf(list ...routeconfig.RateLimit) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) {
		for _, l := range list {
			l.Per, l.Burst = testkit.Span(time.Hour), l.Requests
			r.RateLimits = append(r.RateLimits, l)
		}
	}
}

// What a backend says of its own limits is not passed on where the route tells of its own,
// and is where it does not.
func TestResponsesTellOfTheRoutesOwnLimits(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("RateLimit", `"theirs";r=1`)
		w.Header().Set("RateLimit-Policy", `"theirs";q=1`)
		_, _ = w.Write([]byte("streamed"))
	})
	first := func(r *routeconfig.Route) {
		r.Response.Type = routeconfig.ResponsePrimary
		r.Dispatch.Policy = routeconfig.PolicyAll
	}
	one := testkit.Receivers(testkit.Receiver("one", b.URL+"/"))
	p := proxytest.Serve(t, proxy.Options{},
		testkit.Route("told", one, first, limitsOf(routeconfig.RateLimit{Name: "few", Requests: 2, Told: true})),
		testkit.Route("silent", one, first, limitsOf(routeconfig.RateLimit{Name: "few", Requests: 2}), func(r *routeconfig.Route) { r.Listener.Port++ }))
	for _, row := range []struct {
		route, method, left, policy string
		status                      int
	}{
		{"told", "GET", `"few";r=1;t=1800`, `"few";q=2;w=3600`, 200},
		{"told", "HEAD", `"few";r=0;t=3600`, `"few";q=2;w=3600`, 200},
		{"told", "GET", `"few";r=0;t=1800`, `"few";q=2;w=3600`, 429},
		{"silent", "GET", `"theirs";r=1`, `"theirs";q=1`, 200},
	} {
		r := p.Do(row.method, row.route, "/", "")
		if got := r.Header.Values("RateLimit"); r.Status != row.status || len(got) != 1 || got[0] != row.left {
			t.Errorf("%s %s: %d, RateLimit %q, want %d and %q", row.method, row.route, r.Status, got, row.status, row.left)
		}
		if got := r.Header.Values("RateLimit-Policy"); len(got) != 1 || got[0] != row.policy {
			t.Errorf("%s %s: RateLimit-Policy %q, want %q", row.method, row.route, got, row.policy)
		}
	}
}

// Calls beyond a limit are counted, whatever becomes of them; a reload that leaves the limit
// as it is leaves its bucket, too.
func TestCallsBeyondALimitAreCounted(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, testkit.Respond(200, "application/json", "{}"))
	limits := limitsOf(
		routeconfig.RateLimit{Name: "trial", Requests: 1, Report: true},
		routeconfig.RateLimit{Name: "plan", Requests: 3, Key: routeconfig.KeyExpression, Expression: "request.query.plan"})
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL+"/")), limits)
	p := proxytest.Serve(t, proxy.Options{}, route)
	statuses := func(n int) (list []int) {
		for range n {
			list = append(list, p.Do("GET", "orders", "/?plan=gold", "").Status)
		}
		return list
	}
	before := statuses(2)
	route.Dispatch.MaxInFlight = 7
	p.Load(route)
	after := statuses(3)
	if before[1] != 200 || after[0] != 200 || after[1] != 429 || after[2] != 429 {
		t.Errorf("statuses %v, then %v, want three calls in all", before, after)
	}
	metrics := p.Ask("/metrics").Body
	for _, want := range []string{
		`fanout_rate_limited_calls_total{limit="trial",mode="Report",namespace="shop",route="orders"} 4`,
		`fanout_rate_limited_calls_total{limit="plan",mode="Enforce",namespace="shop",route="orders"} 2`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics have no %s", want)
		}
	}
}
