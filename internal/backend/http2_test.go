package backend_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

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
		{"10 streams", false, 10, 0, 2_000},
		{"1 stream", false, 1, 0, 500},
		{"10 streams over TLS", true, 10, 0, 2_000},
		{"connections that end after 100 calls", false, 250, 100, 2_000},
		{"connections that end after 100 calls, over TLS", true, 250, 100, 2_000},
		{"connections that end after 7 calls, of 10 streams", false, 10, 7, 2_000},
		{"connections that end with each call", false, 10, 1, 500},
	} {
		t.Run(row.name, func(t *testing.T) {
			steadily(t, func(fault func(string, ...any)) {
				h := &counting{close: row.every}
				b := newAsked(t, newServer(t, row.secure, row.streams, h.ServeHTTP))
				failed, attempts := storm(t, b, "POST", 100, row.calls)
				if len(failed) > 0 {
					fault("of %d calls failed: %v", row.calls, failed)
				}
				for body, times := range h.times {
					if times != 1 {
						t.Errorf("%q was executed %d times", body, times) // whatever stood still
					}
				}
				if len(h.times) != row.calls || attempts < int64(row.calls) {
					fault("%d of %d executed, in %d attempts", len(h.times), row.calls, attempts)
				}
				t.Logf("%d calls, %d attempts", row.calls, attempts)
			})
		})
	}
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
			_ = c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
			for piece := make([]byte, 1<<10); ; {
				if _, err := w.Write(piece); err != nil || c.Flush() != nil {
					return
				}
				sent.Add(int64(len(piece)))
			}
		})
		b := newAsked(t, s, func(b *routeconfig.Backend) { b.Name = "streamed" })
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
		b := newAsked(t, s, func(b *routeconfig.Backend) { b.SuccessStatusCodes = []int{200, 304} })
		steadily(t, func(fault func(string, ...any)) {
			for _, method := range []string{"HEAD", "PUT"} {
				if a := askOnce(t.Context(), b, call(method, "")); a.Outcome != fanout.Succeeded || len(a.Body) > 0 {
					fault("%s: %v/%v with %d bytes", method, a.Outcome, a.Reason, len(a.Body))
				}
			}
		})
	})
}

// TLS says with each connection which protocol it is for: no call is lost where that changes,
// and the first call of all needs one connection, whichever it is.
func TestTLSAgreesAnew(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			steadily(t, func(fault func(string, ...any)) { agreeAnew(t, first, fault) })
		})
	}
}

func agreeAnew(t *testing.T, first string, fault func(string, ...any)) {
	t.Helper()
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
	var made atomic.Int64
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	b := newAsked(t, s)
	for i, now := range []string{first, "HTTP/1.1", "HTTP/2.0", "HTTP/1.1"} {
		protocol.Store(now)
		s.CloseClientConnections()
		met.Clear()
		begun := time.Now()
		a := askOnce(t.Context(), b, call("GET", ""))
		if a.Outcome != fanout.Succeeded { // its connection was just being closed
			a = askOnce(t.Context(), b, call("GET", ""))
		}
		if a.Outcome != fanout.Succeeded {
			fault("%s: %v/%v", now, a.Outcome, a.Reason)
		}
		if n := made.Load(); i == 0 && n != 1 && time.Since(begun) < 400*time.Millisecond { // no dial was slow
			fault("the first call took %d connections", n)
		}
		// What may not be repeated could be lost on a connection that was just being closed.
		failed, _ := storm(t, b, "GET", 10, 100)
		if _, ok := met.Load(now); len(failed) > 0 || !ok {
			fault("%s: failed: %v", now, failed)
		}
	}
}
