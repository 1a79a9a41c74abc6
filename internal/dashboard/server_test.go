package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// scripted is a source that counts, and answers once it may.
type scripted struct {
	asked atomic.Int32
	may   chan struct{}
}

func (s *scripted) Overview(context.Context) (*dashboard.Overview, error) {
	s.asked.Add(1)
	if s.may != nil {
		<-s.may
	}
	return &dashboard.Overview{Mode: dashboard.Cluster, Routes: []dashboard.Row{{Namespace: "shop", Name: "orders"}}}, nil
}

func (*scripted) Route(_ context.Context, namespace, name string) (*dashboard.Route, error) {
	return nil, fmt.Errorf("route %s/%s: %w", namespace, name, dashboard.ErrNotFound)
}

func (s *scripted) Calls(_ context.Context, _, _, cursor string) (*dashboard.Calls, error) {
	s.asked.Add(1)
	if s.may != nil {
		<-s.may
	}
	return nil, fmt.Errorf("nobody answers %q", cursor)
}

func serve(source dashboard.Source) http.Handler {
	return dashboard.New(dashboard.Options{Source: source, Hosts: dashboard.LoopbackHosts("9092")})
}

func get(t *testing.T, h http.Handler, target string, modify ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Host = "127.0.0.1:9092"
	for _, m := range modify {
		m(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// The page answers under its own names alone, is read-only, tells other sites nothing, and may
// load nothing but itself.
func TestWhoMayReadThePage(t *testing.T) {
	t.Parallel()
	h := serve(&scripted{})
	field := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	method := func(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }
	for name, row := range map[string]struct {
		target string
		modify []func(*http.Request)
		code   int
	}{
		"the page":                    {"/", nil, 200},
		"by another name of loopback": {"/", []func(*http.Request){host("localhost:9092")}, 200},
		"over IPv6":                   {"/", []func(*http.Request){host("[::1]:9092")}, 200},
		"its script":                  {"/app.js", []func(*http.Request){field("Sec-Fetch-Site", "same-origin")}, 200},
		"its figures":                 {"/api/routes", []func(*http.Request){field("Sec-Fetch-Site", "same-origin")}, 200},
		"typed by hand":               {"/api/routes", []func(*http.Request){field("Sec-Fetch-Site", "none")}, 200},
		"a link from elsewhere":       {"/", []func(*http.Request){field("Sec-Fetch-Site", "cross-site"), field("Sec-Fetch-Mode", "navigate")}, 200},
		"a name that was rebound":     {"/api/routes", []func(*http.Request){host("evil.example.com:9092")}, 421},
		"no port":                     {"/", []func(*http.Request){host("127.0.0.1")}, 421},
		"another port":                {"/", []func(*http.Request){host("127.0.0.1:80")}, 421},
		"another site's script":       {"/api/routes", []func(*http.Request){field("Sec-Fetch-Site", "cross-site"), field("Sec-Fetch-Mode", "cors")}, 403},
		"another port's script":       {"/api/routes", []func(*http.Request){field("Sec-Fetch-Site", "same-site"), field("Sec-Fetch-Mode", "no-cors")}, 403},
		"a write":                     {"/api/routes", []func(*http.Request){method("POST")}, 405},
		"nothing":                     {"/none", nil, 404},
		"no route":                    {"/api/routes/shop/none", nil, 404},
		"a source that fails":         {"/api/routes/shop/orders/calls?cursor=c", nil, 502},
	} {
		w := get(t, h, row.target, row.modify...)
		if w.Code != row.code {
			t.Errorf("%s: %d, want %d: %s", name, w.Code, row.code, w.Body)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %q", name, policy)
		}
		kept := w.Header().Get("Cache-Control") != "no-store" && row.target != "/none" // net/http takes it from its own errors
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || kept || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	if w := get(t, h, "/api/routes/shop/orders/calls?cursor=c"); !strings.Contains(w.Body.String(), `{"error":"nobody answers \"c\""}`) {
		t.Errorf("what is wrong is told as %s", w.Body)
	}
}

// The page is whole: it names nothing of another origin, and has no script or style inline, which
// its policy would stop.
func TestThePageIsSelfContained(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("page/*")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	foreign := regexp.MustCompile(`(?i)https?://[^\s'"]*|@import|\bsrc=["']?//`)
	inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(`)
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		for _, found := range foreign.FindAllString(text, -1) {
			if found != "http://www.w3.org/2000/svg" {
				t.Errorf("%s names %s", file, found)
			}
		}
		if found := inline.FindString(text); found != "" {
			t.Errorf("%s has %q", file, found)
		}
		if lines := strings.Count(text, "\n"); lines > 300 {
			t.Errorf("%s has %d lines", file, lines)
		}
	}
}

// Several tabs that ask the same cost what one does.
func TestReadersShareAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &scripted{may: make(chan struct{})}
		h := serve(source)
		var reading sync.WaitGroup
		read := func() {
			if w := get(t, h, "/api/routes"); !strings.Contains(w.Body.String(), "orders") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		for range 5 {
			reading.Go(read)
		}
		time.Sleep(5 * time.Second) // the answer takes its time, and nobody asks beside it
		reading.Go(read)
		ctx, leave := context.WithCancel(t.Context())
		reading.Go(func() {
			if w := get(t, h, "/api/routes", func(r *http.Request) { *r = *r.WithContext(ctx) }); w.Code != 502 {
				t.Errorf("a reader that has left waits: %d", w.Code)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(source.may)
		reading.Wait()
		if n := source.asked.Load(); n != 1 {
			t.Errorf("the source was asked %d times for readers at once", n)
		}
		time.Sleep(time.Second)
		if read(); source.asked.Load() != 2 {
			t.Error("an answer is given again that is a second old")
		}
	})
}

// A standalone proxy is enough for all that the page shows of routes, backends and calls.
func TestStandaloneProxyIsShown(t *testing.T) {
	t.Parallel()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", testkit.NewBackend(t, nil).URL),
		testkit.Receiver("two", testkit.NewBackend(t, testkit.Respond(503, "text/plain", "")).URL)),
		testkit.Shadow(testkit.Receiver("candidate", testkit.NewBackend(t, testkit.Respond(204, "", "")).URL), "Outcome"), func(r *routeconfig.Route) { r.Dispatch.Policy = routeconfig.PolicyBestEffort }))
	admin := httptest.NewServer(p.AdminHandler())
	t.Cleanup(admin.Close)
	source := dashboard.Proxy{Admin: admin.URL + "/"}
	first, err := source.Calls(t.Context(), testkit.Namespace, "orders", "")
	if err != nil || len(first.Calls) != 0 {
		t.Fatalf("before the first call: %+v, %v", first, err)
	}
	p.Do("POST", "orders", "/x", "{}")
	var seen *dashboard.Calls
	testkit.Eventually(t, "the call has ended", func() bool {
		if seen, err = source.Calls(t.Context(), testkit.Namespace, "orders", first.Cursor); err != nil {
			t.Fatal(err)
		}
		return len(seen.Calls) == 1 && !seen.Calls[0].Open
	})
	if c := seen.Calls[0]; len(c.Lanes) != 3 || c.Lanes[2].Compared != "outcome" || len(seen.Backends) != 3 {
		t.Errorf("the call: %+v; backends %+v", c, seen.Backends)
	}
	if again, err := source.Calls(t.Context(), testkit.Namespace, "orders", seen.Cursor); err != nil || len(again.Calls) != 0 {
		t.Errorf("what was read comes again: %+v, %v", again, err)
	}
	o, err := source.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if row := o.Routes[0]; o.Mode != dashboard.Standalone || row.Name != "orders" || row.Ready != "True" || row.Backends != "1/2" {
		t.Errorf("the overview: %+v", o)
	}
	r, err := source.Route(t.Context(), testkit.Namespace, "orders")
	if err != nil {
		t.Fatal(err)
	}
	two := r.Backends[1]
	if !strings.HasPrefix(two.LastFailure, "status 503, ") || *two.Windows["5m"].Share != 0 || two.Windows["5m"].Counts[0] != (dashboard.Count{Outcome: "failed", Reason: "status", N: 1}) {
		t.Errorf("the backend that fails: %+v", two)
	}
	if shadow := r.Backends[2]; !shadow.Shadow || len(shadow.Compared) != 4 {
		t.Errorf("the shadow: %+v", shadow)
	}
	for _, name := range []string{"none", "../x"} {
		if w := get(t, serve(source), "/api/routes/shop/"+strings.ReplaceAll(name, "/", "%2F")); w.Code != 404 {
			t.Errorf("route %q: %d %s", name, w.Code, w.Body)
		}
	}
	admin.Close()
	if _, err := source.Overview(t.Context()); err == nil || !strings.Contains(err.Error(), "ask proxy at http://127.0.0.1") {
		t.Errorf("a proxy that is gone: %v", err)
	}
}

// Several proxies are one route: limits add up, the worst circuit is shown, and the youngest
// call stands first, whichever proxy it went through.
func TestProxiesAreGathered(t *testing.T) {
	t.Parallel()
	report := func(seq uint64, age float64, circuit string) *calls.Report {
		return &calls.Report{Seq: seq, Missed: 1, Calls: []calls.Call{{ID: seq, AgeMS: age}}, Backends: []calls.Backend{{Name: "one", Circuit: circuit, Busy: 1, Slots: 4, Tokens: 2.5, Burst: 5}}}
	}
	got := dashboard.Gather([]dashboard.Heard{{Proxy: "a", Report: report(3, 90, "open")}, {Proxy: "b", Silent: "Pod b is Pending"}, {Proxy: "c", Report: report(8, 10, "closed")}})
	want := calls.Backend{Name: "one", Circuit: "open", Busy: 2, Slots: 8, Tokens: 5, Burst: 10}
	if got.Proxies != 3 || got.Missed != 2 || len(got.Silent) != 1 || len(got.Backends) != 1 || got.Backends[0] != want {
		t.Errorf("gathered: %+v", got)
	}
	if got.Calls[0].Proxy != "c" || got.Calls[1].Proxy != "a" {
		t.Errorf("calls: %+v", got.Calls)
	}
	if c := dashboard.ReadCursor(got.Cursor); c["a"] != 3 || c["c"] != 8 || len(c) != 2 {
		t.Errorf("the cursor is %v", c)
	}
	for _, text := range []string{"", "!", "bm8", strings.Repeat("A", 1<<20)} {
		if c := dashboard.ReadCursor(text); len(c) != 0 {
			t.Errorf("%.9q is a cursor: %v", text, c)
		}
	}
	if raw, err := json.Marshal(got); err != nil || !strings.Contains(string(raw), `"proxy":"c"`) {
		t.Errorf("%s, %v", raw, err)
	}
}
