package backend_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/backend"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// The tests of this file are about the seam between a call and its connections: they know
// Backend and real servers, and nothing of what is between.

// newServer runs a server that speaks HTTP/2, over TLS or without.
func newServer(t *testing.T, secure bool, most int, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: most}
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// newAsked is a backend at an address (that of the server, or of what stands before it).
func newAsked(t *testing.T, s *httptest.Server, address string, modify ...func(*routeconfig.Backend)) *backend.Backend {
	t.Helper()
	secrets := testkit.NewSecrets(t)
	config := testkit.Receiver("one", "http://"+address, func(b *routeconfig.Backend) { b.Protocol = routeconfig.ProtocolH2C })
	if s.TLS != nil {
		secrets.Mount(testkit.Namespace, "ca", map[string]string{
			"ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})),
		})
		config.URL, config.Protocol, config.TLS = "https://"+address, "", &routeconfig.TLS{CASecret: "ca"}
	}
	config.Timeout = testkit.Span(30 * time.Second)
	for _, m := range modify {
		m(&config)
	}
	return newFrom(t, &config, secrets, dial.Options{})
}

func newFrom(t *testing.T, config *routeconfig.Backend, secrets *testkit.Secrets, dialling dial.Options) *backend.Backend {
	t.Helper()
	expressions, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	dialling.AllowLoopback = true
	state := backend.NewState(testkit.Namespace, config, creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), dial.New(dialling))
	t.Cleanup(state.Close)
	options := backend.Options{Config: config, State: state, Combined: true, Via: "fanout-x", Expressions: expressions, MaxBody: 1 << 10}
	if config.Name == "streamed" {
		options.Combined, options.IdleTimeout = false, time.Minute
	}
	b, err := backend.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func call(method, body string) *fanout.Call {
	return &fanout.Call{Method: method, Path: "/", Header: http.Header{}, Body: []byte(body), Memory: testkit.Account()}
}

func askOnce(ctx context.Context, b *backend.Backend, c *fanout.Call) fanout.Answer {
	r, refusal := b.Reserve(ctx, c, nil)
	if r == nil {
		return refusal
	}
	ctx, end := context.WithCancelCause(ctx)
	return r.Do(ctx, end, c, nil)
}

// secured runs a test over TLS and without.
func secured(t *testing.T, test func(t *testing.T, secure bool)) {
	t.Helper()
	for name, secure := range map[string]bool{"H2C": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, secure)
		})
	}
}

// counting is a handler that remembers which bodies it was asked with.
type counting struct {
	mu    sync.Mutex
	times map[string]int
	all   atomic.Int64
	close int64 // ends the connection with each so manieth request; 0 for never
}

// ServeHTTP implements http.Handler.
func (h *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	if h.times == nil {
		h.times = map[string]int{}
	}
	h.times[string(body)]++
	h.mu.Unlock()
	if n := h.all.Add(1); h.close > 0 && n%h.close == 0 {
		w.Header().Set("Connection", "close") // HTTP/2: GOAWAY, and what was begun is finished
	}
	_, _ = io.WriteString(w, "{}")
}

// storm makes calls from so many clients at once, and returns what did not succeed, how
// often each such answer was seen, and the attempts of all.
func storm(t *testing.T, b *backend.Backend, clients, calls int) (failed map[string]int, attempts int64) {
	t.Helper()
	failed = map[string]int{}
	var mu sync.Mutex
	var all, next atomic.Int64
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(calls) {
					return
				}
				a := askOnce(t.Context(), b, call("POST", fmt.Sprint("call ", n)))
				all.Add(int64(a.Attempts))
				if a.Outcome != fanout.Succeeded {
					mu.Lock()
					failed[fmt.Sprint(a.Outcome, "/", a.Reason)]++
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	return failed, all.Load()
}

// P9: whatever a server refuses or leaves behind by the rules of HTTP/2 costs no call, and
// nothing is executed twice.
func TestP9WhatIsProvedUnprocessedIsRepeated(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		secure  bool
		streams int
		every   int64
		calls   int
	}{
		{"10 streams", false, 10, 0, 10_000},
		{"1 stream", false, 1, 0, 500},
		{"10 streams over TLS", true, 10, 0, 2_000},
		{"connections that end after 100 calls", false, 250, 100, 10_000},
		{"connections that end after 100 calls, over TLS", true, 250, 100, 2_000},
		{"connections that end after 7 calls, of 10 streams", false, 10, 7, 2_000},
		{"connections that end with each call", false, 10, 1, 500},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := &counting{close: row.every}
			s := newServer(t, row.secure, row.streams, h.ServeHTTP)
			b := newAsked(t, s, s.Listener.Addr().String())
			failed, attempts := storm(t, b, 100, row.calls)
			if len(failed) > 0 {
				t.Errorf("of %d calls failed: %v", row.calls, failed)
			}
			for body, times := range h.times {
				if times != 1 {
					t.Errorf("%q was executed %d times", body, times)
				}
			}
			if len(h.times) != row.calls || attempts < int64(row.calls) {
				t.Errorf("%d of %d executed, in %d attempts", len(h.times), row.calls, attempts)
			}
			t.Logf("%d calls, %d attempts", row.calls, attempts)
		})
	}
}

// relay passes bytes to a server, except on connections that it has let go silent.
type relay struct {
	net.Listener

	target string
	silent atomic.Int64 // connections up to this one pass nothing any more
	taken  atomic.Int64
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, target: target}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n := r.taken.Add(1)
			running.Go(func() { r.pass(conn, n) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return r
}

func (r *relay) pass(conn net.Conn, n int64) {
	defer conn.Close()
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer server.Close()
	back := make(chan struct{})
	go func() { defer close(back); r.copy(conn, server, n) }()
	r.copy(server, conn, n)
	_ = server.Close()
	<-back
}

// copy reads on where it passes nothing: the sender notices nothing.
func (r *relay) copy(to io.Writer, from io.Reader, n int64) {
	buffer := make([]byte, 32<<10)
	for {
		got, err := from.Read(buffer)
		if err != nil {
			return
		}
		if n > r.silent.Load() {
			if _, err := to.Write(buffer[:got]); err != nil {
				return
			}
		}
	}
}

// P8: a connection that has gone silent takes the calls that are on it, at most, with it.
// What comes after takes another one.
func TestP8ASilentConnectionIsLeft(t *testing.T) {
	t.Parallel()
	hedge := func(b *routeconfig.Backend) {
		b.Hedge = &routeconfig.Hedge{Delay: testkit.Span(300 * time.Millisecond), Max: 1, BudgetPercent: 100}
	}
	repeat := func(attempt time.Duration, on ...string) func(b *routeconfig.Backend) {
		return func(b *routeconfig.Backend) {
			b.Retry = &routeconfig.Retry{Attempts: 3, AttemptTimeout: testkit.Span(attempt), RetryOn: on, BudgetPercent: 100}
		}
	}
	timeout := func(d time.Duration) func(b *routeconfig.Backend) {
		return func(b *routeconfig.Backend) { b.Timeout = testkit.Span(d) }
	}
	secured(t, func(t *testing.T, secure bool) {
		for _, row := range []struct {
			name   string
			method string
			modify func(*routeconfig.Backend)
			fail   int           // calls of 20 in a row
			reason fanout.Reason // why
			most   int           // attempts of all of them
		}{
			{"a hedge", "GET", hedge, 0, 0, 24},
			{"an attempt after a timeout", "GET", repeat(time.Second, "timeout"), 0, 0, 24},
			{"an attempt after a reset", "GET", repeat(0, "reset"), 0, 0, 24},
			{"the call after a timeout", "POST", timeout(time.Second), 1, fanout.Timeout, 20},
			{"the call after one that was given up", "POST", timeout(30 * time.Second), 1, fanout.Reset, 20},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, secure, 0, (&counting{}).ServeHTTP)
				between := newRelay(t, s.Listener.Addr().String())
				b := newAsked(t, s, between.Addr().String(), row.modify)
				if a := askOnce(t.Context(), b, call("GET", "")); a.Outcome != fanout.Succeeded {
					t.Fatalf("before: %v/%v", a.Outcome, a.Reason)
				}
				before := between.taken.Load()
				between.silent.Store(before)
				failed, attempts := 0, 0
				for range 20 {
					a := askOnce(t.Context(), b, call(row.method, "x"))
					attempts += a.Attempts
					if a.Outcome == fanout.Succeeded {
						continue
					}
					failed++
					if a.Reason != row.reason {
						t.Errorf("%v/%v, want %v", a.Outcome, a.Reason, row.reason)
					}
				}
				if failed > row.fail || attempts > row.most {
					t.Errorf("%d of 20 calls failed in %d attempts, want %d in at most %d", failed, attempts, row.fail, row.most)
				}
				if fresh := between.taken.Load() - before; fresh < 1 || fresh > 3 {
					t.Errorf("%d connections were made", fresh)
				}
			})
		}
	})
}

// P8: all calls that wait on a silent connection are given back, long before their own
// time is up.
func TestP8WhoWaitsOnASilentConnectionIsTold(t *testing.T) {
	t.Parallel()
	secured(t, func(t *testing.T, secure bool) {
		s := newServer(t, secure, 0, (&counting{}).ServeHTTP)
		between := newRelay(t, s.Listener.Addr().String())
		b := newAsked(t, s, between.Addr().String())
		if a := askOnce(t.Context(), b, call("GET", "")); a.Outcome != fanout.Succeeded {
			t.Fatalf("before: %v/%v", a.Outcome, a.Reason)
		}
		between.silent.Store(between.taken.Load())
		begun := time.Now()
		var running sync.WaitGroup
		for range 10 {
			running.Go(func() {
				if a := askOnce(t.Context(), b, call("POST", "x")); a.Outcome != fanout.Succeeded && a.Reason != fanout.Reset || a.Attempts > 2 {
					t.Errorf("%v/%v in %d attempts", a.Outcome, a.Reason, a.Attempts)
				}
			})
		}
		running.Wait()
		if took := time.Since(begun); took > 15*time.Second { // half of their time; 1 to 2 s where the machine is idle
			t.Errorf("took %v", took)
		}
		if a := askOnce(t.Context(), b, call("POST", "x")); a.Outcome != fanout.Succeeded || a.Attempts != 1 {
			t.Errorf("after: %v/%v", a.Outcome, a.Reason)
		}
	})
}

// A backend that is slow, but there, keeps its connection: it answers when it is asked.
func TestP8ASlowBackendIsNotSilent(t *testing.T) {
	t.Parallel()
	secured(t, func(t *testing.T, secure bool) {
		s := newServer(t, secure, 0, func(_ http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				time.Sleep(3 * time.Second)
			}
		})
		between := newRelay(t, s.Listener.Addr().String())
		b := newAsked(t, s, between.Addr().String())
		for _, method := range []string{"GET", "POST", "GET"} {
			if a := askOnce(t.Context(), b, call(method, "")); a.Outcome != fanout.Succeeded || a.Attempts != 1 {
				t.Errorf("%s: %v/%v in %d attempts", method, a.Outcome, a.Reason, a.Attempts)
			}
		}
		if n := between.taken.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// K5: what a backend sends ahead of a client that reads nothing is bounded for each stream.
func TestK5WhatIsReceivedAheadIsBounded(t *testing.T) {
	t.Parallel()
	secured(t, func(t *testing.T, secure bool) {
		const streams = 4
		var sent atomic.Int64
		var written sync.WaitGroup
		written.Add(streams)
		s := newServer(t, secure, 0, func(w http.ResponseWriter, _ *http.Request) {
			defer written.Done()
			c := http.NewResponseController(w)
			_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
			for piece := make([]byte, 1<<10); ; {
				if _, err := w.Write(piece); err != nil || c.Flush() != nil {
					return
				}
				sent.Add(int64(len(piece)))
			}
		})
		b := newAsked(t, s, s.Listener.Addr().String(), func(b *routeconfig.Backend) { b.Name = "streamed" })
		var open []fanout.Stream
		for range streams {
			a := askOnce(t.Context(), b, call("GET", ""))
			if a.Stream == nil {
				t.Fatalf("%v/%v", a.Outcome, a.Reason)
			}
			open = append(open, a.Stream)
		}
		written.Wait()
		for _, stream := range open {
			stream.Abort(context.Canceled)
			stream.Close()
		}
		if most := int64(streams * 70 << 10); sent.Load() > most {
			t.Errorf("%d bytes were sent ahead on %d streams, want at most %d", sent.Load(), streams, most)
		}
	})
}

// Responses without a body have none, whatever length they announce.
func TestHTTP2ResponsesWithoutABody(t *testing.T) {
	t.Parallel()
	secured(t, func(t *testing.T, secure bool) {
		s := newServer(t, secure, 0, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(cmp.Or(map[string]int{"PUT": 304}[r.Method], 200))
		})
		b := newAsked(t, s, s.Listener.Addr().String(), func(b *routeconfig.Backend) { b.SuccessStatusCodes = []int{200, 304} })
		for _, method := range []string{"HEAD", "PUT"} {
			if a := askOnce(t.Context(), b, call(method, "")); a.Outcome != fanout.Succeeded || len(a.Body) > 0 {
				t.Errorf("%s: %v/%v with %d bytes", method, a.Outcome, a.Reason, len(a.Body))
			}
		}
	})
}

// TLS says with each connection which protocol it is for: no call is lost where that changes,
// and the first call of all needs one connection, whichever it is.
func TestTLSAgreesAnew(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			var protocol atomic.Value
			protocol.Store(first)
			var met sync.Map
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { met.Store(r.Proto, true) }))
			s.EnableHTTP2 = true
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
			s.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
				config := s.TLS.Clone()
				config.GetConfigForClient = nil
				if protocol.Load() == "HTTP/1.1" {
					config.NextProtos = []string{"http/1.1"}
				}
				return config, nil
			}
			s.StartTLS()
			t.Cleanup(s.Close)
			between := newRelay(t, s.Listener.Addr().String())
			b := newAsked(t, s, between.Addr().String())
			for i, now := range []string{first, "HTTP/1.1", "HTTP/2.0", "HTTP/1.1"} {
				protocol.Store(now)
				s.CloseClientConnections()
				met.Clear()
				if a := askOnce(t.Context(), b, call("GET", "")); a.Outcome != fanout.Succeeded {
					a = askOnce(t.Context(), b, call("GET", "")) // its connection was just being closed
					if a.Outcome != fanout.Succeeded {
						t.Errorf("%s: %v/%v", now, a.Outcome, a.Reason)
					}
				}
				if n := between.taken.Load(); i == 0 && n != 1 {
					t.Errorf("the first call took %d connections", n)
				}
				failed, _ := storm(t, b, 10, 100)
				if _, ok := met.Load(now); len(failed) > 0 || !ok {
					t.Errorf("%s: failed: %v", now, failed)
				}
			}
		})
	}
}
