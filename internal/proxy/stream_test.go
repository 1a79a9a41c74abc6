package proxy_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"strconv"
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

// open sends a request and returns as soon as the head has come.
func open(ctx context.Context, t *testing.T, p *proxytest.Proxy, method string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.Address("orders")+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// streamed is a route with one response of these backends.
func streamed(t *testing.T, kind string, modify func(*routeconfig.Route), handlers ...http.HandlerFunc) *proxytest.Proxy {
	t.Helper()
	return streamedOver(t, proxy.Options{}, kind, modify, handlers...)
}

// streamedOver is streamed with options of the proxy.
func streamedOver(t *testing.T, o proxy.Options, kind string, modify func(*routeconfig.Route), handlers ...http.HandlerFunc) *proxytest.Proxy {
	t.Helper()
	var list []routeconfig.Backend
	for i, h := range handlers {
		list = append(list, testkit.Receiver("b"+strconv.Itoa(i), testkit.NewBackend(t, h).URL))
	}
	return proxytest.Serve(t, o, testkit.Route("orders", list, response(kind), func(r *routeconfig.Route) {
		r.Dispatch.Stragglers = routeconfig.StragglersCancel
		if modify != nil {
			modify(r)
		}
	}))
}

// Cases F5 and H10 of the field: the head goes out before the first event, each event alone.
func TestF5H10EventsArriveOneByOne(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		next := make(chan string)
		p := streamedOver(t, o, "First", nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			for event := range next {
				_, _ = io.WriteString(w, "data: "+event+"\n\n")
				_ = http.NewResponseController(w).Flush()
			}
		})
		r := open(t.Context(), t, p, "GET") // before the first event
		if r.Header.Get("Content-Type") != "text/event-stream" || r.ContentLength != -1 {
			t.Errorf("type %q, length %d", r.Header.Get("Content-Type"), r.ContentLength)
		}
		lines := bufio.NewScanner(r.Body)
		for _, event := range []string{"one", "two", "three"} {
			next <- event
			if lines.Scan(); lines.Text() != "data: "+event { // it is here before the next one is sent
				t.Errorf("got %q", lines.Text())
			}
			lines.Scan()
		}
		if n := p.Answers("orders", 0); n.Succeeded != 0 {
			t.Errorf("statistics have an answer before its end: %+v", n)
		}
		close(next)
		if lines.Scan() || lines.Err() != nil {
			t.Errorf("after the end: %q, %v", lines.Text(), lines.Err())
		}
		testkit.Eventually(t, "the answer is counted", func() bool { return p.Answers("orders", 0).Succeeded == 1 && p.Calls("orders").Complete == 1 })
	})
}

// What is larger than maxResponseSize, and takes longer than dispatch.timeout, passes:
// both are about what is read whole.
func TestStreamsHaveNoSizeAndNoDeadline(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		const pieces, size = 40, 100_000
		sum := sha256.New()
		for i := range pieces {
			_, _ = sum.Write([]byte(strings.Repeat(string(rune('a'+i%26)), size)))
		}
		for _, length := range []bool{true, false} {
			p := streamedOver(t, o, "First", func(r *routeconfig.Route) {
				r.Dispatch.Timeout, r.Backends[0].Timeout = testkit.Span(150*time.Millisecond), testkit.Span(150*time.Millisecond)
			},
				func(w http.ResponseWriter, _ *http.Request) {
					if length {
						w.Header().Set("Content-Length", strconv.Itoa(pieces*size))
					}
					for i := range pieces {
						_, _ = io.WriteString(w, strings.Repeat(string(rune('a'+i%26)), size))
						_ = http.NewResponseController(w).Flush()
						time.Sleep(10 * time.Millisecond)
					}
				})
			r := open(t.Context(), t, p, "GET")
			got := sha256.New()
			n, err := io.Copy(got, r.Body)
			if err != nil || n != pieces*size || string(got.Sum(nil)) != string(sum.Sum(nil)) {
				t.Errorf("%d bytes, %v; want %d of the same", n, err, pieces*size)
			}
			if want := int64(pieces * size); length && r.ContentLength != want || !length && r.ContentLength != -1 {
				t.Errorf("length %d", r.ContentLength)
			}
		}
	})
}

// A slow client slows the backend down: nothing piles up in between.
func TestBackpressure(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	p := streamed(t, "First", nil, func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			n, err := w.Write(piece)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r := open(ctx, t, p, "GET")
	_, _ = io.ReadFull(r.Body, make([]byte, 1<<10))
	last := int64(-1)
	testkit.Eventually(t, "the backend waits", func() bool {
		now := sent.Load()
		time.Sleep(100 * time.Millisecond)
		stands := now == last
		last = now
		return stands
	})
	if n := sent.Load(); n > 32<<20 { // sockets hold some MiB
		t.Errorf("the backend could send %d bytes to a client that reads none", n)
	}
}

// How a stream ends shows to the client, and in statistics.
func TestEndsOfStreams(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		begin := func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "begin")
			_ = http.NewResponseController(w).Flush()
		}
		for _, row := range []struct {
			name    string
			handler http.HandlerFunc
			idle    time.Duration
			leave   bool
			reason  stats.Reason
		}{
			{"the backend breaks off", func(w http.ResponseWriter, _ *http.Request) { begin(w); panic(http.ErrAbortHandler) }, time.Minute, false, "reset"},
			{"the backend sends too little", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "10")
				begin(w)
				panic(http.ErrAbortHandler)
			}, time.Minute, false, "reset"},
			{"the backend falls silent", func(w http.ResponseWriter, r *http.Request) { begin(w); <-r.Context().Done() }, 50 * time.Millisecond, false, "timeout"},
			{"the client leaves", func(w http.ResponseWriter, r *http.Request) { begin(w); <-r.Context().Done() }, time.Minute, true, ""},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				ended := make(chan struct{})
				p := streamedOver(t, o, "First", func(r *routeconfig.Route) { r.Response.IdleTimeout = testkit.Span(row.idle) }, func(w http.ResponseWriter, r *http.Request) {
					defer close(ended)
					row.handler(w, r)
				})
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				r := open(ctx, t, p, "GET")
				begun := make([]byte, 5)
				if _, err := io.ReadFull(r.Body, begun); err != nil || string(begun) != "begin" {
					t.Fatalf("%q, %v", begun, err)
				}
				if row.leave {
					leave()
				} else if rest, err := io.ReadAll(r.Body); err == nil || len(rest) > 0 {
					t.Errorf("the client reads %q and takes it for whole", rest)
				}
				select {
				case <-ended:
				case <-time.After(10 * time.Second):
					t.Fatal("the backend was not told")
				}
				testkit.Eventually(t, "it is counted", func() bool {
					a, c := p.Answers("orders", 0), p.Calls("orders")
					if row.leave {
						return a.Canceled == 1 && a.FailedTotal() == 0 && c.ClientClosed == 1 && c.Failed == 0
					}
					return a.Failed[row.reason] == 1 && a.Succeeded == 0 && c.Failed == 1
				})
				testkit.Eventually(t, "nothing is in flight", func() bool {
					return strings.Contains(p.Ask("/metrics").Body, `fanout_calls_in_flight{namespace="shop",route="orders"} 0`)
				})
			})
		}
	})
}

// Any decides on the first good head, whatever its body takes; the others are canceled
// or, where they had answered too, give their connections back.
func TestAnyDecidesOnTheFirstGoodHead(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		release := make(chan struct{})
		p := streamedOver(t, o, "First", policy("Any", 0),
			status(500),
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusAccepted)
				_ = http.NewResponseController(w).Flush()
				<-release
				_, _ = io.WriteString(w, "body")
			},
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		r := open(t.Context(), t, p, "GET")
		if r.StatusCode != 202 || !strings.Contains(r.Header.Get("Fanout-Backends"), "b2;outcome=canceled") {
			t.Errorf("%d %s", r.StatusCode, r.Header.Get("Fanout-Backends"))
		}
		close(release)
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "body" {
			t.Errorf("%q, %v", body, err)
		}
	})
}

func TestStreamsThatNobodyReads(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		connections := map[string]bool{}
		busy := func(w http.ResponseWriter, r *http.Request) {
			connections[r.RemoteAddr] = true
			_, _ = io.WriteString(w, strings.Repeat("x", 200_000))
		}
		p := streamedOver(t, o, "First", nil, status(200), busy)
		for range 5 {
			if r := p.Do("GET", "orders", "/", ""); r.Status != 200 || r.Body != `{"status":200}` {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			testkit.Eventually(t, "the other response is read", func() bool {
				return strings.Contains(p.Ask("/metrics").Body, `fanout_calls_in_flight{namespace="shop",route="orders"} 0`)
			})
		}
		if n := p.Answers("orders", 1); n.Succeeded != 5 || len(connections) != 1 {
			t.Errorf("%d succeeded over %d connections, want 5 over one", n.Succeeded, len(connections))
		}
	})
}

// An endless response that nobody reads ends with the backend's time.
func TestEndlessStreamThatNobodyReads(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		ended := make(chan struct{})
		p := streamedOver(t, o, "First", func(r *routeconfig.Route) { r.Backends[1].Timeout = testkit.Span(200 * time.Millisecond) }, status(200),
			func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
		if r := p.Do("GET", "orders", "/", ""); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("the backend goes on")
		}
		testkit.Eventually(t, "it is counted as what it was to the call", func() bool { return p.Answers("orders", 1).Succeeded == 1 })
	})
}

// Case C9 of the field.
func TestC9TrailersPassOnce(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		p := streamedOver(t, o, "First", nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum, Content-Md5, X-Late")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Sum", "7")
			w.Header().Add("X-Late", "a")
			w.Header().Add("X-Late", "b")
			w.Header().Set("Content-Md5", "x")
			w.Header().Set(http.TrailerPrefix+"X-Unannounced", "u")
			w.Header().Set(http.TrailerPrefix+"Fanout-Outcome", "forged")
		})
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
			transport := &http.Transport{}
			if protocol == "HTTP/2.0" {
				transport.Protocols = new(http.Protocols)
				transport.Protocols.SetUnencryptedHTTP2(true)
			}
			t.Cleanup(transport.CloseIdleConnections)
			request, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.Address("orders")+"/", http.NoBody)
			r, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if err != nil || string(body) != "body" || r.Proto != protocol {
				t.Errorf("%s: %q, %v", r.Proto, body, err)
			}
			want := http.Header{"X-Sum": {"7"}, "X-Late": {"a", "b"}, "X-Unannounced": {"u"}}
			if len(r.Trailer) != len(want) || r.Header.Get("X-Sum") != "" {
				t.Errorf("%s: trailer %v, want %v", protocol, r.Trailer, want)
			}
			for name, values := range want {
				if strings.Join(r.Trailer[name], ",") != strings.Join(values, ",") {
					t.Errorf("%s: trailer %s is %v, want %v", protocol, name, r.Trailer[name], values)
				}
			}
		}
	})
}

// Trailers that nothing has announced pass behind a body that is empty, too: net/http sets
// the length of such a body by itself where its head has not gone out before.
func TestP2TrailersPassBehindAnEmptyBody(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		p := streamedOver(t, o, "First", nil, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(http.TrailerPrefix+"X-Sum", "7") })
		for range 20 { // of which a slow machine sends some heads early
			r := open(t.Context(), t, p, "GET")
			if body, err := io.ReadAll(r.Body); err != nil || len(body) > 0 || r.Trailer.Get("X-Sum") != "7" {
				t.Fatalf("body %q, %v, trailer %v", body, err, r.Trailer)
			}
		}
	})
}

// The primary streams; its own failure passes whole.
func TestPrimaryStreams(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		for code, body := range map[int]string{200: "a", 422: "b"} {
			p := streamedOver(t, o, "Primary", nil, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(code)
				_, _ = io.WriteString(w, body)
			}, status(200))
			if r := p.Do("GET", "orders", "/", ""); r.Status != code || r.Body != body {
				t.Errorf("%d %q, want %d %q", r.Status, r.Body, code, body)
			}
			if r := p.Do("HEAD", "orders", "/", ""); r.Status != code || r.Body != "" {
				t.Errorf("HEAD: %d %q", r.Status, r.Body)
			}
		}
	})
}

// A drain waits for streams under way.
func TestDrainWaitsForStreams(t *testing.T) {
	t.Parallel()
	finish := make(chan struct{})
	p := streamed(t, "First", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-finish
		_, _ = io.WriteString(w, "end")
	})
	r := open(t.Context(), t, p, "GET")
	p.Stop()
	select {
	case <-p.Stopped:
		t.Fatal("the proxy stopped in the middle of a response")
	case <-time.After(200 * time.Millisecond):
	}
	close(finish)
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "end" {
		t.Errorf("%q, %v", body, err)
	}
	<-p.Stopped
}

// Hedges are for the time before the head.
func TestStreamsAreHedgedBeforeTheirHead(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		var asked atomic.Int32
		p := streamedOver(t, o, "First", func(r *routeconfig.Route) {
			r.Backends[0].Hedge = &routeconfig.Hedge{Delay: testkit.Span(20 * time.Millisecond), Max: 1, BudgetPercent: 10}
		}, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 1 {
				<-r.Context().Done()
				return
			}
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(100 * time.Millisecond) // longer than the delay
			_, _ = io.WriteString(w, "late")
		})
		r := p.Do("GET", "orders", "/", "")
		if r.Status != 200 || r.Body != "late" || asked.Load() != 2 {
			t.Errorf("%d %q after %d requests", r.Status, r.Body, asked.Load())
		}
	})
}
