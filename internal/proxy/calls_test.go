package proxy_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// getAdmin asks the admin port.
func getAdmin(t *testing.T, p *proxytest.Proxy, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	p.AdminHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

// Whoever looks at a route sees who was asked when and what became of it, of calls that come
// from then on; and nothing that a client or a backend has sent.
func TestCallsOfARouteAreShownToWhoeverLooks(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till-secret": "key-secret"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", testkit.NewBackend(t, testkit.Respond(200, "application/json", `{"answer":"body-secret"}`)).URL, func(b *routeconfig.Backend) {
			b.MaxConcurrentRequests, b.MaxQueuedRequests = 4, 2
			b.RateLimit = &routeconfig.RateLimit{Requests: 10, Per: testkit.Span(1e9), Burst: 10}
			b.CircuitBreaker = &routeconfig.CircuitBreaker{FailurePercent: 50, MinimumRequests: 9, Window: testkit.Span(1e10), OpenFor: testkit.Span(1e9), HalfOpenRequests: 1}
		}),
		testkit.Receiver("two", testkit.NewBackend(t, status(503)).URL)),
		testkit.Shadow(testkit.Receiver("candidate", testkit.NewBackend(t, status(204)).URL), "Outcome"),
		policy("BestEffort", 0), func(r *routeconfig.Route) {
			r.Listener.Matches = []routeconfig.Match{{Path: "/orders"}, {Path: "/exact", Exact: true}}
			r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
		}))
	call := func() {
		p.Do("POST", "orders", "/orders/path-secret?q=query-secret", `{"a":"sent-secret"}`, "X-API-Key", "key-secret", "X-Field", "field-secret")
	}
	call() // nobody looks
	if got := read(t, p, ""); len(got.Calls) != 0 {
		t.Errorf("a call is shown that came before anybody looked: %+v", got.Calls)
	}
	call()
	var c calls.Call
	testkit.Eventually(t, "the call has ended, its shadow too", func() bool {
		list := read(t, p, "").Calls
		if len(list) == 1 {
			c = list[0]
		}
		return len(list) == 1 && !c.Open
	})
	if c.Method != "POST" || c.Rule != "PathPrefix /orders" || c.Outcome != "partial" || c.Status != 207 || c.Decided.Decider != "answer" || c.Responded == 0 || c.Ended < c.Responded {
		t.Errorf("the call: %+v", c)
	}
	for i, want := range []calls.Lane{
		{Backend: "one", Outcome: "succeeded", Status: 200},
		{Backend: "two", Outcome: "failed", Reason: "status", Status: 503},
		{Backend: "candidate", Outcome: "succeeded", Status: 204, Shadow: true, Compared: "outcome"},
	} {
		l := c.Lanes[i]
		if l.Backend != want.Backend || l.Outcome != want.Outcome || l.Reason != want.Reason || l.Status != want.Status || l.Shadow != want.Shadow || l.Compared != want.Compared {
			t.Errorf("lane %d: %+v", i, l)
		}
		if len(l.Attempts) != 1 || l.Attempts[0].Status != want.Status || l.Attempts[0].Connected == 0 || l.Attempts[0].Head == 0 || l.Asked < l.Reserved {
			t.Errorf("attempts of %s: %+v", l.Backend, l.Attempts)
		}
	}
	w := getAdmin(t, p, "/calls?route=shop/orders")
	if bytes.Contains(w.Body.Bytes(), []byte("secret")) || bytes.Contains(w.Body.Bytes(), []byte("127.0.0.1")) {
		t.Errorf("what was sent is shown: %s", w.Body)
	}
	report, err := calls.Read(w.Body, "shop", "orders")
	if err != nil {
		t.Fatal(err)
	}
	if b := report.Backends[0]; b.Slots != 4 || b.Places != 2 || b.Busy != 0 || b.Burst != 10 || b.Tokens > 10 || b.Circuit != "closed" {
		t.Errorf("what is left of limits: %+v", b)
	}
	if b := report.Backends[2]; b.Name != "candidate" || !b.Shadow {
		t.Errorf("the shadow: %+v", b)
	}
}

func read(t *testing.T, p *proxytest.Proxy, more string) *calls.Report {
	t.Helper()
	report, err := calls.Read(getAdmin(t, p, "/calls?route=shop/orders"+more).Body, "shop", "orders")
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// A reload keeps what is looked at, a call that its client leaves is shown as such, and a bad
// question is answered with what is wrong with it.
func TestReadersOfCallsThatAskForOther(t *testing.T) {
	t.Parallel()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))))
	for target, want := range map[string]struct {
		code int
		text string
	}{
		"/calls":                              {404, "NAMESPACE/NAME"},
		"/calls?route=shop/other":             {404, "NAMESPACE/NAME"},
		"/calls?route=shop/orders&after=last": {400, "parameter after"},
	} {
		if w := getAdmin(t, p, target); w.Code != want.code || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	first := read(t, p, "")
	p.Load(testkit.Route("orders", testkit.Receivers(testkit.Receiver("other", testkit.NewBackend(t, nil).URL))))
	p.Do("GET", "orders", "/", "")
	testkit.Eventually(t, "a call of the next plan is shown", func() bool {
		list := read(t, p, "").Calls
		return len(list) == 1 && list[0].Lanes[0].Backend == "other"
	})
	if last := read(t, p, "&after=1"); len(last.Calls) != 0 || last.Process != first.Process || last.Seq != 1 {
		t.Errorf("after the first: %+v", last)
	}
}
