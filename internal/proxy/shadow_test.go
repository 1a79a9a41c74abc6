package proxy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// Case B13 of the field.
func TestB13HangingShadowDelaysNobody(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	hanging := testkit.NewBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	for _, kind := range []string{"Envelope", "First"} {
		p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", testkit.NewBackend(t, nil).URL)),
			testkit.Shadow(testkit.Receiver("candidate", hanging.URL), "None"), response(kind), func(r *routeconfig.Route) {
				r.Dispatch.MaxInFlight = 2 // of which shadows take none
			}))
		before := hanging.Count()
		start := time.Now()
		list := exchangeRaw(t, p, strings.Repeat("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 5), 5) // one connection
		for _, r := range list {
			body, _ := io.ReadAll(r.Body)
			if r.StatusCode != 200 || strings.Contains(r.Header.Get("Fanout-Backends"), "candidate") || strings.Contains(string(body), "candidate") {
				t.Errorf("%s: %d %s", kind, r.StatusCode, r.Header.Get("Fanout-Backends"))
			}
		}
		t.Logf("five calls on one connection took %v", time.Since(start)) // a shadow's timeout is 5 s
		testkit.Eventually(t, "shadows have room for two, and the others are told apart", func() bool {
			return hanging.Count()-before == 2 && p.Answers("orders", 1).Rejected["overloaded"] == 3
		})
		testkit.Eventually(t, kind+": all are counted", func() bool { return p.Answers("orders", 0).Succeeded == 5 })
	}
}

func TestShadowsAreCompared(t *testing.T) {
	t.Parallel()
	reply := func(code int, body string) http.HandlerFunc { return testkit.Respond(code, "application/json", body) }
	for _, row := range []struct {
		name      string
		reference http.HandlerFunc
		shadow    http.HandlerFunc
		compare   string
		result    stats.Comparison
		at        string
	}{
		{"the same but for form", reply(200, `{"a":1,"b":[1.0]}`), reply(200, ` {"b":[1],"a":1e0}`), "Body", "same", ""},
		{"another value", reply(200, `{"items":[{"id":1},{"id":"secret"}]}`), reply(200, `{"items":[{"id":1},{"id":"hidden"}]}`), "Body", "body", "/items/1/id"},
		{"a place that is ignored", reply(200, `{"at":1,"a":1}`), reply(200, `{"at":2,"a":1}`), "Body", "same", ""},
		{"another status", reply(200, `{}`), reply(201, `{}`), "Body", "outcome", ""},
		{"a failure", reply(200, `{}`), reply(500, `{}`), "Outcome", "outcome", ""},
		{"both fail alike", reply(404, `{}`), reply(404, `{"x":1}`), "Outcome", "same", ""},
		{"other bytes", testkit.Respond(200, "text/plain", "a"), testkit.Respond(200, "text/plain", "b"), "Body", "body", ""},
		{"only outcomes", reply(200, `{"a":1}`), reply(200, `{"a":2}`), "Outcome", "same", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
				testkit.Receiver("zero", testkit.NewBackend(t, nil).URL),
				testkit.Receiver("one", testkit.NewBackend(t, row.reference).URL)),
				testkit.Shadow(testkit.Receiver("candidate", testkit.NewBackend(t, row.shadow).URL), row.compare, func(s *routeconfig.Shadow) {
					s.Reference, s.IgnoredPaths = 1, []string{"/at"}
				})))
			want := http.StatusOK
			if row.name == "both fail alike" {
				want = http.StatusNotFound
			}
			if r := p.Do("POST", "orders", "/", "{}"); r.Status != want || strings.Contains(r.Body, "candidate") {
				t.Errorf("the response is %d %s", r.Status, r.Body)
			}
			testkit.Eventually(t, "it is compared", func() bool {
				b := p.Report(time.Now()).Routes[0].Backends[2]
				return b.Name == "candidate" && b.Shadow && b.Compared[row.result] == 1
			})
			if !strings.Contains(p.Ask("/metrics").Body, `fanout_shadow_comparisons_total{backend="candidate",namespace="shop",result="`+string(row.result)+`",route="orders"} 1`) {
				t.Error("the metrics do not have it")
			}
			if row.result != "same" { // the line is written when it is counted
				testkit.Eventually(t, "a line tells of it", func() bool { return len(p.Log.Lines(t, "shadow differs")) > 0 })
			}
			lines := p.Log.Lines(t, "shadow differs")
			if differs := row.result != "same"; differs != (len(lines) == 1) {
				t.Fatalf("%d lines tell of it", len(lines))
			}
			if len(lines) == 1 && (lines[0]["differs"] != string(row.result) || lines[0]["at"] != row.at) {
				t.Errorf("the line is %v", lines[0])
			}
			if log := p.Log.String(); strings.Contains(log, "secret") || strings.Contains(log, "hidden") {
				t.Errorf("the log holds bodies: %s", log)
			}
		})
	}
}

// A share of the calls, whose failures fail nothing; a call that is not sent has none.
func TestShadowsGetTheirShare(t *testing.T) {
	t.Parallel()
	shadow := testkit.NewBackend(t, status(500))
	one := testkit.NewBackend(t, nil)
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", one.URL, when("request.method == 'GET'"))),
		testkit.Shadow(testkit.Receiver("candidate", shadow.URL), "None", func(s *routeconfig.Shadow) { s.Percent = 30 }))
	p := proxytest.Serve(t, proxy.Options{}, route)
	for range 300 {
		if r := p.Do("GET", "orders", "/", ""); r.Status != 200 {
			t.Fatalf("%d", r.Status)
		}
	}
	testkit.Eventually(t, "the shadow has got some", func() bool { return shadow.Count() >= 40 })
	if n := shadow.Count(); n > 150 { // 90 on average; 7 standard deviations
		t.Errorf("the shadow got %d of 300 calls, want about 90", n)
	}
	for range 50 {
		if r := p.Do("POST", "orders", "/", "{}"); r.Status != 404 {
			t.Fatalf("%d", r.Status)
		}
	}
	time.Sleep(50 * time.Millisecond)
	for _, r := range shadow.Seen() {
		if r.Method == "POST" {
			t.Error("the shadow got a call that nobody takes")
		}
	}
}

// Shadows that hang with what they were sent take no memory of calls.
func TestShadowsHaveMemoryOfTheirOwn(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	candidate := testkit.NewBackend(t, func(http.ResponseWriter, *http.Request) { <-release })
	p := proxytest.Serve(t, proxy.Options{MemoryBudget: 2 << 20}, testkit.Route("orders", testkit.Receivers( // 256 KiB for shadows
		testkit.Receiver("one", testkit.NewBackend(t, nil).URL)), testkit.Shadow(testkit.Receiver("candidate", candidate.URL), "Body")))
	large := `{"x":"` + strings.Repeat("x", 100_000) + `"}`
	for i := range 40 {
		if r := p.Do("POST", "orders", "/", large); r.Status != 200 {
			t.Fatalf("call %d: %d %s", i, r.Status, r.Body)
		}
	}
	testkit.Eventually(t, "shadows have room for two", func() bool {
		return candidate.Count() == 2 && p.Answers("orders", 1).Rejected["overloaded"] == 38
	})
}
