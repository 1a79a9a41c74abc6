package proxy_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// Bodies beyond the budget are refused at once, and counted; what was taken is given
// back to the last byte.
func TestMemoryBudget(t *testing.T) {
	t.Parallel()
	const budget = 4 << 20
	large := `{"x":"` + strings.Repeat("x", 500_000) + `"}`
	release := make(chan struct{})
	var once sync.Once
	var held atomic.Int32
	hold := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/one" {
			held.Add(1)
		}
		<-release
		testkit.Respond(200, "application/json", large)(w, nil)
	}
	p := proxytest.Serve(t, proxy.Options{MemoryBudget: 2 * budget, MaxConnections: 64}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", testkit.NewBackend(t, hold).URL+"/one"), testkit.Receiver("two", testkit.NewBackend(t, nil).URL),
	), testkit.Shadow(testkit.Receiver("shadow", testkit.NewBackend(t, hold).URL), "Body"), policy("BestEffort", 0), func(r *routeconfig.Route) {
		r.Dispatch.Stragglers, r.Dispatch.Timeout = routeconfig.StragglersFinish, testkit.Span(time.Minute)
		for b := range r.Receivers() {
			b.Timeout = testkit.Span(time.Minute) // nothing is given back before the release
		}
	}))
	defer once.Do(func() { close(release) })
	used := func() int64 { return gauge(t, p, "fanout_body_memory_bytes") }
	var calls sync.WaitGroup
	var refused, answered atomic.Int32
	for i := range int32(20) {
		calls.Go(func() {
			switch r := p.Do("POST", "orders", "/", large); {
			case r.Status == 503 && r.Header.Get("Retry-After") == "1" && strings.Contains(r.Body, "memory for bodies"):
				refused.Add(1)
			case r.Status == 200 || r.Status == 207:
				answered.Add(1)
			default:
				t.Errorf("%d %.200s", r.Status, r.Body)
			}
		})
		// One after another: of those that come at once each may take what another one lacks.
		testkit.Eventually(t, "a call waits, or is refused", func() bool { return refused.Load()+held.Load() == i+1 })
	}
	if n := refused.Load(); n < 11 {
		t.Errorf("%d of 20 calls are refused while the others wait, want 11 at least", n)
	}
	if used() <= budget/2 {
		t.Errorf("%d bytes are taken of %d", used(), budget)
	}
	if n := used(); n > budget {
		t.Errorf("%d bytes are taken of %d", n, budget)
	}
	once.Do(func() { close(release) })
	calls.Wait()
	if refused.Load()+answered.Load() != 20 || p.Calls("orders").Refused == 0 {
		t.Errorf("%d refused, %d answered, statistics %+v", refused.Load(), answered.Load(), p.Calls("orders"))
	}
	testkit.Eventually(t, "all is given back", func() bool { return used() == 0 })
	if r := p.Do("POST", "orders", "/", large); r.Status != 200 {
		t.Errorf("afterwards: %d", r.Status)
	}
}

// gaugeOf is the value of a metric without labels, 0 where there is none.
func gaugeOf(t *testing.T, p *proxy.Proxy, name string) int64 {
	t.Helper()
	w := httptest.NewRecorder()
	p.AdminHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return int64(n)
		}
	}
	return 0
}
