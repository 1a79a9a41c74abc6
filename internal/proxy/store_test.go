package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// storedAt has the limits of a route counted in a store.
func storedAt(address string) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) {
		r.RateLimitStore = &routeconfig.RateLimitStore{
			Addresses: []string{address}, Topology: routeconfig.TopologyStandalone, Prefix: "fanout:", Timeout: testkit.Span(time.Second), Proxies: 2,
		}
		for i := range r.RateLimits {
			r.RateLimits[i].Shared, r.RateLimits[i].OnStoreFailure = true, routeconfig.StoreFailureLocalShare
		}
	}
}

// Case G3: two replicas enforce the limit, once; while the store is down each has its share,
// as declared, and everybody is told.
func TestG3ReplicasShareALimit(t *testing.T) {
	t.Parallel()
	redis, b := testkit.NewRedis(t), testkit.NewBackend(t, testkit.Respond(200, "application/json", "{}"))
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL+"/")),
		limitsOf(routeconfig.RateLimit{Name: "few", Requests: 10, Told: true}), storedAt(redis.Address))
	proxies := []*proxytest.Proxy{proxytest.Serve(t, proxy.Options{}, route), proxytest.Serve(t, proxy.Options{}, route)}
	for _, p := range proxies {
		testkit.Eventually(t, "the store answers", func() bool { return strings.Contains(p.Ask("/status").Body, `"store":{"answers":true}`) })
	}
	admitted := func(calls int) (n int) {
		for i := range calls {
			if r := proxies[i%2].Do("GET", "orders", "/", ""); r.Status == 200 {
				n++
			} else if r.Status != 429 || r.Header.Get("Retry-After") == "" || !strings.HasPrefix(r.Header.Get("RateLimit"), `"few";r=0;t=`) {
				t.Errorf("call %d: %d %v", i, r.Status, r.Header)
			}
		}
		return n
	}
	if n := admitted(30); n != 10 {
		t.Errorf("%d calls admitted, want 10", n)
	}
	route.Dispatch.MaxInFlight = 9 // a reload keeps the connection
	proxies[0].Load(route)
	if n := admitted(2); n != 0 {
		t.Errorf("%d calls admitted after a reload", n)
	}
	redis.Kill()
	if n := admitted(30); n != 10 {
		t.Errorf("%d calls admitted without the store, want the half of 10 each", n)
	}
	metrics := proxies[0].Ask("/metrics").Body
	for _, want := range []string{
		`fanout_rate_limit_store_up{namespace="shop",route="orders"} 0`,
		`fanout_rate_limit_unknown_total{action="LocalShare",limit="few",namespace="shop",route="orders"} 15`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics have no %s", want)
		}
	}
	if status := proxies[0].Ask("/status").Body; !strings.Contains(status, `"store":{"answers":false,"fault":"it`) {
		t.Errorf("/status: %s", status)
	}
	redis.Start()
	for _, p := range proxies {
		testkit.Eventually(t, "the store is found again", func() bool {
			return strings.Contains(p.Ask("/metrics").Body, `store_up{namespace="shop",route="orders"} 1`)
		})
	}
	route.RateLimits, route.RateLimitStore = nil, nil // the connection is closed, see TestMain
	proxies[0].Load(route)
}

// Two replicas hold the limit of a backend together, retries included, and a call that cannot
// succeed takes nothing.
func TestReplicasShareTheLimitOfABackend(t *testing.T) {
	t.Parallel()
	redis, b := testkit.NewRedis(t), testkit.NewBackend(t, testkit.Respond(200, "application/json", "{}"))
	few := func(r *routeconfig.Route) {
		storedAt(redis.Address)(r)
		r.Backends[0].RateLimit = &routeconfig.RateLimit{
			Name: "few", Requests: 6, Per: testkit.Span(time.Hour), Burst: 6, Shared: true, OnStoreFailure: routeconfig.StoreFailureDeny,
		}
		// What is canceled before it is sent counts nothing, and here all is to be sent.
		r.Dispatch.Policy, r.Dispatch.Stragglers = routeconfig.PolicyAny, routeconfig.StragglersWait
	}
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("few", b.URL+"/few"), testkit.Receiver("free", b.URL+"/free")), few)
	proxies := []*proxytest.Proxy{proxytest.Serve(t, proxy.Options{}, route), proxytest.Serve(t, proxy.Options{}, route)}
	for _, p := range proxies {
		testkit.Eventually(t, "the store answers", func() bool { return strings.Contains(p.Ask("/status").Body, `"store":{"answers":true}`) })
	}
	rejected := func(calls int) (n int) {
		for i := range calls {
			r := proxies[i%2].Do("GET", "orders", "/", "")
			if r.Status != 200 {
				t.Errorf("call %d: %d %s", i, r.Status, r.Body)
			}
			if strings.Contains(r.Header.Get("Fanout-Backends"), "few;outcome=rejected;reason=rateLimited") {
				n++
			}
		}
		return n
	}
	if n := rejected(10); n != 4 {
		t.Errorf("%d of 10 calls rejected, want 4", n)
	}
	redis.Kill()
	rejected(2)
	if n := rejected(4); n != 4 {
		t.Errorf("%d of 4 calls rejected without the store, want all", n)
	}
	if want := `fanout_backend_rate_limit_unknown_total{action="Deny",backend="few",namespace="shop",route="orders"} 3`; !strings.Contains(proxies[0].Ask("/metrics").Body, want) {
		t.Errorf("metrics have no %s", want)
	}
	redis.Start()
	for i, p := range proxies { // the store has forgotten all, and a part of the route is as it was
		testkit.Eventually(t, "the store is found again", func() bool { return strings.Contains(p.Ask("/status").Body, `"store":{"answers":true}`) })
		route.Dispatch.MaxInFlight = 9 + i
		p.Load(route)
	}
	if n := rejected(10); n != 4 {
		t.Errorf("%d of 10 calls rejected by a store that has forgotten, want 4", n)
	}
	route.RateLimitStore, route.Backends[0].RateLimit = nil, nil
	proxies[0].Load(route)
}
