package proxy_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// An edit of one backend leaves tokens, limiters, connections and statistics of
// the others alone, and drops no call.
func TestEditOfOneBackendKeepsTheOthers(t *testing.T) {
	t.Parallel()
	s := newTokenServer(t, `,"expires_in":3600`, nil)
	kept := testkit.NewBackend(t, nil)
	other := testkit.NewBackend(t, nil)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "id", "client_secret": "s"})
	route := func(path string, requests int) routeconfig.Route {
		return testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("kept", kept.URL, func(b *routeconfig.Backend) {
				b.Credential = &routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: s.URL}
				b.RateLimit = &routeconfig.RateLimit{Requests: 3, Per: testkit.Span(time.Hour), Burst: 3}
			}),
			testkit.Receiver("edited", other.URL+path)),
			func(r *routeconfig.Route) {
				r.RateLimits = []routeconfig.RateLimit{{Name: "all", Requests: requests, Per: testkit.Span(time.Hour), Burst: requests}}
			})
	}
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, route("/a", 5))
	p.Do("POST", "orders", "/", "{}")
	p.Load(route("/b", 5))
	p.Do("POST", "orders", "/", "{}")
	if got := other.Last(t).Target; got != "/b" {
		t.Errorf("the edited backend was asked for %q, want /b", got)
	}
	if n := p.Answers("orders", 0).Succeeded; n != 2 || s.issued.Load() != 1 {
		t.Errorf("kept backend counts %d answers and %d tokens, want 2 and 1", n, s.issued.Load())
	}
	if n := p.Answers("orders", 1).Succeeded; n != 2 {
		t.Errorf("edited backend counts %d answers, want 2: its name is the same", n)
	}
	p.Do("POST", "orders", "/", "{}")
	if r := p.Do("POST", "orders", "/", "{}"); !strings.Contains(r.Header.Get("Fanout-Backends"), "kept;outcome=rejected;reason=rateLimited") {
		t.Errorf("the kept backend's fourth call of three an hour: %s", r.Header.Get("Fanout-Backends"))
	}
	p.Do("POST", "orders", "/", "{}")
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 429 {
		t.Errorf("the route's sixth call of five an hour: %d", r.Status)
	}
	p.Load(route("/b", 6))
	if r := p.Do("POST", "orders", "/", "{}"); r.Status == 429 {
		t.Error("an edited limit did not start afresh")
	}
}

func TestReloadUnderLoadDropsNoCall(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, after(2*time.Millisecond, status(200)))
	route := func(path string) routeconfig.Route {
		return testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL+path), testkit.Receiver("two", b.URL)))
	}
	p := proxytest.Serve(t, proxy.Options{AccessLogSample: 1 << 30}, route("/0"))
	stop := load(p)
	for i := range 200 {
		p.Load(route("/" + strings.Repeat("x", i%7)))
		time.Sleep(time.Millisecond)
	}
	calls, failed := stop()
	t.Logf("%d calls over 200 reloads", calls)
	if failed > 0 {
		t.Errorf("%d of %d calls failed", failed, calls)
	}
}

func TestBadDocumentKeepsTheLastGoodOne(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL))))
	for _, bad := range []string{"", "{", `{"version":1,"routes":[]}`, `{"version":2,"routes":[],"later":1}`, `{"version":2,"routes":[{"namespace":"a","name":"../b"}]}`} {
		if err := p.Proxy.Load([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
		if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
			t.Errorf("after %q: status %d", bad, r.Status)
		}
		if !strings.Contains(p.Ask("/status").Body, `"refused":"`) {
			t.Errorf("after %q /status does not say so", bad)
		}
	}
	p.Load(testkit.Route("orders", testkit.Receivers(testkit.Receiver("two", b.URL))))
	if strings.Contains(p.Ask("/status").Body, `"refused":"`) {
		t.Error("/status still says that a document is refused")
	}
}

// A Pod of an older template lacks the folder of a Secret that was added: it goes on
// with what it has until it is replaced. A Secret that is absent has its folder.
func TestUnmountedSecretKeepsTheLastGoodDocument(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "absent", map[string]string{})
	p := proxytest.ServeWith(t, secrets, proxy.Options{RequireMounts: true},
		testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL))))
	with := func(secret string) []byte {
		return proxytest.Encode(t, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
			b.Credential = &routeconfig.Credential{Type: routeconfig.CredentialBearer, Secret: secret}
		}))))
	}
	if err := p.Proxy.Load(with("later")); err == nil || !strings.Contains(err.Error(), `Secret "later" is not mounted`) {
		t.Errorf("error is %v", err)
	}
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
		t.Errorf("status %d: the last good document is gone", r.Status)
	}
	if err := p.Proxy.Load(with("absent")); err != nil {
		t.Error(err)
	}
}

// A route that moves to another port serves there, and no more on the old one.
func TestRouteMovesToAnotherPort(t *testing.T) {
	t.Parallel()
	backends := testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", backends))
	before := p.Address("orders")
	p.Load(testkit.Route("orders", backends, func(r *routeconfig.Route) { r.Listener.Port = 1234 }))
	if p.Address("orders") == before {
		t.Error("no other listener was opened")
	}
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
		t.Errorf("status %d on the new port", r.Status)
	}
	if conn, err := net.Dial("tcp", before); err == nil {
		_ = conn.Close()
		t.Error("the old port is still open")
	}
}

func TestTwoRoutesOfOneNameAndARouteThatGoes(t *testing.T) {
	t.Parallel()
	one, two := testkit.NewBackend(t, status(200)), testkit.NewBackend(t, status(201))
	shop := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", one.URL)), response("First"))
	lab := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", two.URL)), response("First"))
	lab.Namespace = "lab"
	p := proxytest.Serve(t, proxy.Options{}, shop, lab)
	if got := p.Do("GET", "orders", "/", "").Status; got != 200 {
		t.Errorf("shop/orders answered %d", got)
	}
	if two.Count() != 0 {
		t.Error("lab's backend was asked by shop's route")
	}
	p.Load(lab)
	if _, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.Address("orders"), nil); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the port of the route that is gone is closed", func() bool {
		transport := &http.Transport{DisableKeepAlives: true}
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.Address("orders"), nil)
		response, err := transport.RoundTrip(r)
		if err == nil {
			response.Body.Close()
		}
		return err != nil
	})
}

func TestDrainFinishesCallsAndStragglers(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	slow := testkit.NewBackend(t, func(http.ResponseWriter, *http.Request) { <-release })
	fast := testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{DrainDelay: 300 * time.Millisecond},
		testkit.Route("any", testkit.Receivers(testkit.Receiver("fast", fast.URL), testkit.Receiver("slow", slow.URL)),
			policy("Any", 0), func(r *routeconfig.Route) { r.Dispatch.Stragglers = routeconfig.StragglersFinish }),
		testkit.Route("all", testkit.Receivers(testkit.Receiver("slow", slow.URL))))
	p.Do("POST", "any", "/", "{}") // leaves a straggler
	ended := make(chan int, 1)
	go func() { ended <- p.Do("POST", "all", "/", "{}").Status }()
	testkit.Eventually(t, "both are under way", func() bool { return slow.Count() == 2 })
	p.Stop()
	testkit.Eventually(t, "/readyz says so", func() bool { return p.Ask("/readyz").Status == 503 })
	if r := p.Do("POST", "any", "/", "{}"); r.Status != 200 || !r.Close {
		t.Errorf("a call within the delay: %d, connection closed: %v; want it served and closed", r.Status, r.Close)
	}
	select {
	case <-p.Stopped:
		t.Error("stopped with calls under way")
	case <-time.After(500 * time.Millisecond):
	}
	close(release)
	if got := <-ended; got != 200 {
		t.Errorf("the call under way got %d", got)
	}
	<-p.Stopped
	if n := p.Answers("any", 1).Succeeded; n != 2 {
		t.Errorf("%d stragglers were counted at the end, want 2", n)
	}
	if p.Ask("/livez").Status != 200 {
		t.Error("/livez is not ok while stopping")
	}
}

func TestReadyOnlyWithADocument(t *testing.T) {
	t.Parallel()
	p := proxy.New(proxy.Options{Dialer: dial.New(dial.Options{})})
	if p.Ready() {
		t.Error("ready without a document")
	}
}

func TestForbiddenAddresses(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(b.URL, "http://"), ":")
	for _, url := range []string{b.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://169.254.169.254", "http://0.0.0.0:" + port} {
		p := proxytest.Serve(t, proxy.Options{Dialer: dial.New(dial.Options{})},
			testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", url))))
		r := p.Do("POST", "orders", "/", "{}")
		if r.Status != 502 || !strings.Contains(r.Header.Get("Fanout-Backends"), "reason=forbiddenAddress") || b.Count() > 0 {
			t.Errorf("%s: %d %s", url, r.Status, r.Header.Get("Fanout-Backends"))
		}
	}
}

func TestRequestsOfDepartedBodiesAreNoCalls(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)),
		func(r *routeconfig.Route) { r.Validation.BodyTimeout = testkit.Span(100 * time.Millisecond) }))
	body, stuck := io.Pipe() // never yields a byte
	defer stuck.Close()
	r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+p.Address("orders"), body)
	if got := p.Send(r).Status; got != 408 || b.Count() != 0 {
		t.Errorf("a body that never ends: %d, %d requests; want 408 and none", got, b.Count())
	}
}
