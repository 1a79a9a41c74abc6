package proxy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

func after(d time.Duration, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			next(w, r)
		case <-r.Context().Done():
		}
	}
}

func status(code int) http.HandlerFunc {
	return testkit.Respond(code, "application/json", fmt.Sprintf(`{"status":%d}`, code))
}

func policy(name string, quorum int) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) {
		r.Dispatch.Policy, r.Dispatch.Quorum, r.Dispatch.Stragglers = name, quorum, routeconfig.StragglersCancel
	}
}

func response(kind string) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) { r.Response.Type = kind }
}

// Exact times are asserted in package fanout; over sockets each backend answers once
// all of them have been asked.
func TestBackendsAreAskedAtOnce(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		for _, n := range []int{2, 8} {
			var asked atomic.Int64
			all := make(chan struct{})
			together := func(_ http.ResponseWriter, r *http.Request) {
				if asked.Add(1) == int64(n) {
					close(all)
				}
				select {
				case <-all:
				case <-r.Context().Done():
				}
			}
			var backends []routeconfig.Backend
			for i := range n {
				backends = append(backends, testkit.Receiver(fmt.Sprintf("b%d", i), testkit.NewBackend(t, together).URL))
			}
			p := proxytest.Serve(t, o, testkit.Route("orders", backends))
			if r := p.Do("POST", "orders", "/", `{"a":1}`); r.Status != 200 {
				t.Errorf("status %d after %d of %d backends had been asked: %s", r.Status, asked.Load(), n, r.Body)
			}
		}
	})
}

// Case A4 of the field.
func TestA4PoliciesOverSockets(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		fast500, slow200 := status(500), after(30*time.Millisecond, status(200))
		for _, row := range []struct {
			name     string
			modify   func(*routeconfig.Route)
			handlers []http.HandlerFunc
			status   int
			outcome  string
		}{
			{"All, all succeed", policy("All", 0), []http.HandlerFunc{slow200, slow200}, 200, "complete"},
			{"All, one fails", policy("All", 0), []http.HandlerFunc{slow200, fast500}, 502, "failed"},
			{"Any, a fast 500 and a slow 200", policy("Any", 0), []http.HandlerFunc{fast500, slow200}, 200, "partial"},
			{"Quorum 2 of 3, one fails", policy("Quorum", 2), []http.HandlerFunc{fast500, slow200, slow200}, 200, "partial"},
			{"Quorum 2 of 3, two fail", policy("Quorum", 2), []http.HandlerFunc{fast500, fast500, slow200}, 502, "failed"},
			{"BestEffort, one fails", policy("BestEffort", 0), []http.HandlerFunc{fast500, slow200}, 207, "partial"},
			{"BestEffort, all fail alike", policy("BestEffort", 0), []http.HandlerFunc{status(404), status(404)}, 404, "failed"},
			{"All, overloaded", policy("All", 0), []http.HandlerFunc{status(503), after(30*time.Millisecond, status(429))}, 503, "failed"},
			{"All, the first to say so is at its limit", policy("All", 0), []http.HandlerFunc{status(429), slow200}, 429, "failed"},
			{"BestEffort, overloaded", policy("BestEffort", 0), []http.HandlerFunc{status(503), status(429)}, 503, "failed"},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				var backends []routeconfig.Backend
				for i, h := range row.handlers {
					backends = append(backends, testkit.Receiver(fmt.Sprintf("b%d", i), testkit.NewBackend(t, h).URL))
				}
				p := proxytest.Serve(t, o, testkit.Route("orders", backends, row.modify))
				r := p.Do("POST", "orders", "/", `{}`)
				if r.Status != row.status || r.Header.Get("Fanout-Outcome") != row.outcome {
					t.Errorf("got %d %s, want %d %s\n%s", r.Status, r.Header.Get("Fanout-Outcome"), row.status, row.outcome, r.Body)
				}
				if n := strings.Count(r.Header.Get("Fanout-Backends"), "outcome="); n != len(backends) {
					t.Errorf("Fanout-Backends speaks of %d backends, want %d: %s", n, len(backends), r.Header.Get("Fanout-Backends"))
				}
			})
		}
	})
}

// canceled counts the requests that a backend saw cut off.
type canceled struct{ at chan time.Time }

func (c *canceled) handler(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	c.at <- time.Now()
}

// seen waits for it, and returns how long after since it came.
func (c *canceled) seen(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	select {
	case at := <-c.at:
		return at.Sub(since)
	case <-time.After(10 * time.Second):
		t.Fatal("the backend never saw the cancel")
		return 0
	}
}

func TestQuorumCancelsTheThirdBackend(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		third := &canceled{make(chan time.Time, 1)}
		asked := make(chan struct{})
		afterwards := func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-asked: // before that there would be nothing to cancel
			case <-r.Context().Done():
			}
		}
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", testkit.NewBackend(t, afterwards).URL),
			testkit.Receiver("two", testkit.NewBackend(t, afterwards).URL),
			testkit.Receiver("three", testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
				close(asked)
				third.handler(w, r)
			}).URL),
		), policy("Quorum", 2)))
		r := p.Do("POST", "orders", "/", `{}`)
		decided := time.Now()
		if r.Status != 200 || !strings.Contains(r.Header.Get("Fanout-Backends"), "three;outcome=canceled") {
			t.Errorf("got %d %s", r.Status, r.Header.Get("Fanout-Backends"))
		}
		t.Logf("the backend saw the cancel after %v", third.seen(t, decided))
	})
}

// Cases F1, F2 of the field.
func TestF1F2DepartedClientsAreNoFailures(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		slow := &canceled{make(chan time.Time, 100)}
		b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/slow":
				slow.handler(w, r)
			case "/bad":
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) { b.Request.Path = routeconfig.PathForward }),
		), policy("All", 0)))
		for range 50 {
			p.Do("POST", "orders", "/good", "x")
			p.Do("POST", "orders", "/bad", "x")
		}
		if rate, _ := p.Answers("orders", 0).SuccessRate(); rate != 0.5 {
			t.Fatalf("success rate is %v, want 0.5", rate)
		}
		var cancels []time.Duration
		for range 100 {
			before := b.Count()
			ctx, leave := context.WithCancel(t.Context())
			request, _ := http.NewRequestWithContext(ctx, "POST", "http://"+p.Address("orders")+"/slow", strings.NewReader("x"))
			transport := &http.Transport{DisableKeepAlives: true}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if response, err := transport.RoundTrip(request); err == nil {
					response.Body.Close()
				}
			}()
			testkit.Eventually(t, "the backend is asked", func() bool { return b.Count() > before })
			left := time.Now()
			leave()
			<-done
			cancels = append(cancels, slow.seen(t, left))
		}
		slices.Sort(cancels)
		t.Logf("backends saw the cancel after %v at the median, %v at p99", cancels[49], cancels[98])
		testkit.Eventually(t, "100 answers are canceled, and their calls logged", func() bool {
			n := 0
			for _, line := range p.Log.Lines(t, "call") {
				if line["status"] == float64(499) && line["outcome"] == "clientClosed" {
					n++
				}
			}
			return n == 100 && p.Answers("orders", 0).Canceled == 100
		})
		answers, calls := p.Answers("orders", 0), p.Calls("orders")
		if rate, _ := answers.SuccessRate(); rate != 0.5 || calls.ClientClosed != 100 || calls.Failed != 50 {
			t.Errorf("success rate %v, calls %+v; want 0.5, 100 clientClosed, 50 failed", rate, calls)
		}
		if metrics := p.Ask("/metrics").Body; !strings.Contains(metrics, `fanout_calls_total{namespace="shop",outcome="clientClosed",route="orders"} 100`) {
			t.Errorf("metrics do not count 100 calls as clientClosed:\n%s", metrics)
		}
	})
}

func TestStragglersFinishBehindTheClientsBack(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		release := make(chan struct{})
		b := testkit.NewBackend(t, func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
				t.Error("a finishing backend was canceled")
			}
		})
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("fast", testkit.NewBackend(t, nil).URL), testkit.Receiver("slow", b.URL),
		), policy("Any", 0), func(r *routeconfig.Route) { r.Dispatch.Stragglers = routeconfig.StragglersFinish }))
		r := p.Do("POST", "orders", "/", "{}")
		if !strings.Contains(r.Header.Get("Fanout-Backends"), "slow;outcome=pending") {
			t.Errorf("Fanout-Backends is %q, want slow pending", r.Header.Get("Fanout-Backends"))
		}
		close(release)
		testkit.Eventually(t, "the straggler is counted", func() bool { return p.Answers("orders", 1).Succeeded == 1 })
	})
}

// Case A10 of the field.
func TestA10OneBackendLooksLikeMany(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{routeconfig.ResponseEnvelope, routeconfig.ResponseGroup} {
		b := testkit.NewBackend(t, nil)
		var backends []routeconfig.Backend
		for n := 1; n <= 2; n++ {
			backends = append(backends, testkit.Receiver(fmt.Sprintf("b%d", n), b.URL))
			p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", backends, response(kind)))
			r := p.Do("POST", "orders", "/", "{}")
			object := map[string]json.RawMessage{}
			if err := json.Unmarshal([]byte(r.Body), &object); err != nil {
				t.Fatal(err)
			}
			if kind == routeconfig.ResponseEnvelope {
				if err := json.Unmarshal(object["backends"], &object); err != nil {
					t.Fatal(err)
				}
			}
			if _, ok := object["b1"]; !ok {
				t.Errorf("%s of %d: no b1 in %s", kind, n, r.Body)
			}
		}
	}
}

// Case A2 of the field.
func TestA2EmptySuccesses(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		for _, code := range []int{200, 201, 202, 204, 205, 206} {
			b := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
			full := testkit.NewBackend(t, nil)
			for _, kind := range []string{"Envelope", "Merge", "Group"} {
				p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
					testkit.Receiver("empty", b.URL), testkit.Receiver("full", full.URL)), response(kind)))
				if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 || r.Header.Get("Fanout-Outcome") != "complete" {
					t.Errorf("%s with an empty %d: got %d %s", kind, code, r.Status, r.Body)
				}
			}
		}
	})
}

// What a policy judges under Primary is passed on as the backend said it.
func TestPrimaryPassesTheBackendsOwnResponse(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		b := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
			w.Header().Set("Location", "/x")
			w.Header().Set("Fanout-Outcome", "forged")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "made")
		})
		other := testkit.NewBackend(t, nil)
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", other.URL), testkit.Receiver("two", b.URL)),
			func(r *routeconfig.Route) { r.Response.Type, r.Response.Primary = routeconfig.ResponsePrimary, 1 }))
		r := p.Do("POST", "orders", "/", "{}")
		if r.Status != 201 || r.Body != "made" || r.Header.Get("Location") != "/x" || len(r.Header["Set-Cookie"]) != 2 {
			t.Errorf("got %d %q %v", r.Status, r.Body, r.Header)
		}
		if r.Header.Get("Fanout-Outcome") != "complete" {
			t.Errorf("Fanout-Outcome is %q: a backend forged it", r.Header.Get("Fanout-Outcome"))
		}
	})
}
