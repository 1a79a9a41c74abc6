package proxy_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

func TestAccessLogHasTheOutcomeOfEachBackend(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "k1\nk2\n"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", testkit.NewBackend(t, nil).URL), testkit.Receiver("two", testkit.NewBackend(t, status(500)).URL)),
		policy("BestEffort", 0), func(r *routeconfig.Route) {
			r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
		}))
	if r := p.Do("POST", "orders", "/x?token=hidden", "{}"); r.Status != 401 || r.Header.Get("Www-Authenticate") == "" {
		t.Errorf("without a key: %d %v", r.Status, r.Header)
	}
	for _, key := range []string{"k1", "k2"} {
		if r := p.Do("POST", "orders", "/x?token=hidden", "{}", "X-API-Key", key); r.Status != 207 {
			t.Errorf("with key %s: %d", key, r.Status)
		}
	}
	lines := p.Log.Lines(t, "call")
	if len(lines) != 3 || strings.Contains(p.Log.String(), "hidden") {
		t.Fatalf("%d lines, or a query among them:\n%s", len(lines), p.Log.String())
	}
	line, _ := json.Marshal(lines[2])
	for _, words := range []string{
		`"caller":"till"`, `"route":"shop/orders"`, `"outcome":"partial"`, `"status":207`, `"path":"/x"`, `"client":"127.0.0.1"`,
		`"two":{"attempts":1,"ms":`, `"outcome":"failed","reason":"status","status":500}`,
	} {
		if !strings.Contains(string(line), words) {
			t.Errorf("no %s in %s", words, line)
		}
	}
	if lines[0]["status"] != float64(401) {
		t.Errorf("the refused call is logged as %v", lines[0])
	}
}

// K2: what a client chose is in a line within a bound.
func TestK2LinesOfTheLogAreBounded(t *testing.T) {
	t.Parallel()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))))
	for _, method := range []string{"GET", strings.Repeat("M", 20_000)} {
		p.Do(method, "orders", "/"+strings.Repeat("p", 40_000), "")
	}
	for _, line := range p.Log.Lines(t, "call") {
		if text, _ := json.Marshal(line); len(text) > 4096 || !strings.Contains(string(text), `"path":"/ppp`) {
			t.Errorf("a line of %d bytes: %.200s", len(text), text)
		}
	}
	if n := len(p.Log.Lines(t, "call")); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func TestAccessLogIsSampled(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(500)
		}
	})
	p := proxytest.Serve(t, proxy.Options{AccessLogSample: 10}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, request(forward)))))
	for range 50 {
		p.Do("GET", "orders", "/good", "")
	}
	for range 3 {
		p.Do("GET", "orders", "/bad", "")
	}
	if n := len(p.Log.Lines(t, "call")); n != 8 {
		t.Errorf("%d lines, want 5 of 50 complete calls and all 3 failed ones", n)
	}
}

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, status(500))
	for kind, want := range map[string][2]bool{"Full": {true, true}, "Outcome": {true, false}, "None": {false, false}} {
		p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)),
			func(r *routeconfig.Route) { r.Response.Diagnostics = kind }))
		r := p.Do("GET", "orders", "/", "")
		if got := [2]bool{r.Header.Get("Fanout-Outcome") != "", r.Header.Get("Fanout-Backends") != ""}; got != want || r.Status != 502 {
			t.Errorf("%s: %d, outcome and backends shown: %v, want %v", kind, r.Status, got, want)
		}
		if strings.Contains(r.Body, `"one"`) != want[1] {
			t.Errorf("%s: body is %s", kind, r.Body)
		}
	}
}

func TestMaxInFlightIsAProblem(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := testkit.NewBackend(t, func(http.ResponseWriter, *http.Request) { <-release })
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)),
		func(r *routeconfig.Route) { r.Dispatch.MaxInFlight = 1 }))
	done := make(chan int)
	go func() { done <- p.Do("GET", "orders", "/", "").Status }()
	testkit.Eventually(t, "a call is under way", func() bool { return b.Count() == 1 })
	r := p.Do("GET", "orders", "/", "")
	if r.Status != 503 || r.Header.Get("Retry-After") != "1" || !strings.Contains(r.Body, "dispatch.maxInFlight") || r.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %v %s", r.Status, r.Header, r.Body)
	}
	close(release)
	if got := <-done; got != 200 {
		t.Errorf("the first call got %d", got)
	}
}

func TestStatusAndMetrics(t *testing.T) {
	t.Parallel()
	route := testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", testkit.NewBackend(t, nil).URL), testkit.Receiver("two", testkit.NewBackend(t, status(503)).URL)), policy("Any", 0),
		func(r *routeconfig.Route) { r.Dispatch.Stragglers = routeconfig.StragglersWait })
	p := proxytest.Serve(t, proxy.Options{}, route)
	for range 4 {
		p.Do("POST", "orders", "/", "{}")
	}
	report := stats.Report{}
	if err := json.Unmarshal([]byte(p.Ask("/status").Body), &report); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(p.Ask("/status").Body, `{"version":1,`) {
		t.Error("the version does not stand first on /status, where readers of every version look for it")
	}
	if report.Document != routeconfig.Hash(proxytest.Encode(t, route)) || !report.Ready || len(report.Routes) != 1 {
		t.Errorf("report is %+v", report)
	}
	two := report.Routes[0].Backends[1]
	if two.LastFailure == nil || two.LastFailure.Status != 503 || two.Windows.Of(stats.Window5m).Answers.Failed["status"] != 4 {
		t.Errorf("backend two is %+v", two)
	}
	metrics := p.Ask("/metrics").Body
	for _, line := range []string{
		`fanout_answers_total{backend="two",namespace="shop",outcome="failed",reason="status",route="orders"} 4`,
		`fanout_answers_total{backend="one",namespace="shop",outcome="succeeded",reason="",route="orders"} 4`,
		`fanout_attempts_total{backend="one",namespace="shop",route="orders"} 4`,
		`fanout_calls_total{namespace="shop",outcome="partial",route="orders"} 4`,
		`fanout_calls_in_flight{namespace="shop",route="orders"} 0`,
		`fanout_call_duration_seconds_count{namespace="shop",route="orders"} 4`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no metric %s", line)
		}
	}
}

// A route's part of the document has a hash of its own: an edit of another route, or other
// places among routes, do not move it.
func TestStatusNamesEachRoutesPart(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	orders, other := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL))), testkit.Route("other", testkit.Receivers(testkit.Receiver("one", b.URL)))
	p := proxytest.Serve(t, proxy.Options{}, orders, other)
	parts := func() (document string, parts map[string]string) {
		parts = map[string]string{}
		report := p.Report(time.Now())
		for _, r := range report.Routes {
			parts[r.Name] = r.Part
		}
		return report.Document, parts
	}
	document, before := parts()
	if hash, err := orders.Hash(); err != nil || before["orders"] != hash || before["orders"] == before["other"] {
		t.Fatalf("the parts are %v, want %s for orders", before, hash)
	}
	orders.Dispatch.MaxInFlight++
	p.Load(other, orders)
	edited, after := parts()
	if edited == document || after["orders"] == before["orders"] || after["other"] != before["other"] {
		t.Errorf("an edit of orders turns %s, %v into %s, %v", document, before, edited, after)
	}
}

// Who polls asks for the window that it reads, and gets no figures that are 0: what is decoded is
// what the whole report says of that window.
func TestStatusOfOneWindow(t *testing.T) {
	t.Parallel()
	route := testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", testkit.NewBackend(t, nil).URL), testkit.Receiver("two", testkit.NewBackend(t, status(503)).URL),
		testkit.Receiver("idle", "http://127.0.0.1:1", func(b *routeconfig.Backend) { b.When = "false" })), policy("Any", 0),
		func(r *routeconfig.Route) { r.Dispatch.Stragglers = routeconfig.StragglersWait })
	p := proxytest.Serve(t, proxy.Options{}, route)
	for range 40 {
		p.Do("POST", "orders", "/", "{}")
	}
	whole, part := p.Ask("/status"), p.Ask("/status?window="+stats.Window5m)
	if len(part.Body) > len(whole.Body)/2 || strings.Contains(part.Body, ":0,") || strings.Contains(part.Body, ":0}") || !strings.HasPrefix(part.Body, `{"version":1,`) {
		t.Errorf("of %d bytes one window is\n%s", len(whole.Body), part.Body)
	}
	of, err := stats.Decode([]byte(part.Body))
	if err != nil {
		t.Fatal(err)
	}
	all, err := stats.Decode([]byte(whole.Body))
	if err != nil {
		t.Fatal(err)
	}
	got, want := of.Routes[0].Kept(stats.Window5m), all.Routes[0].Kept(stats.Window5m)
	for _, r := range []*stats.RouteReport{got, want} { // they were made one after the other
		for i := range r.Backends {
			w := r.Backends[i].Windows.Of(stats.Window5m)
			w.Seconds = 1
			r.Backends[i].Windows.Set(stats.Window5m, w)
			if r.Backends[i].LastFailure != nil {
				r.Backends[i].LastFailure.AgeSeconds = 1
			}
		}
		w := r.Windows.Of(stats.Window5m)
		w.Seconds = 1
		r.Windows.Set(stats.Window5m, w)
	}
	if diff := cmp.Diff(want, got); diff != "" || of.Routes[0].Windows.OneHour != nil || got.Backends[0].Windows.Of(stats.Window5m).Answers.Succeeded != 40 {
		t.Errorf("one window is not that of the whole report (-whole +one): %s", diff)
	}
	if two := p.Ask("/status?window=1m&window=1h"); two.Status != http.StatusOK || strings.Count(two.Body, `"1h":{"seconds`) != 4 || strings.Contains(two.Body, `"5m":{"seconds`) {
		t.Errorf("of two windows there are %d %s", two.Status, two.Body)
	}
	if odd := p.Ask("/status?window=2m"); odd.Status != http.StatusBadRequest || !strings.Contains(odd.Body, "1m, 5m or 1h") {
		t.Errorf("a window that there is not is %d %s", odd.Status, odd.Body)
	}
}
