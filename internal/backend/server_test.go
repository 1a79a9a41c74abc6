package backend_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
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
	"github.com/fanout-operator/fanout/internal/tether"
)

// The tests over these are about the seam between a call and its connections: they know
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

// compiler is one for all.
var compiler = sync.OnceValues(expression.NewCompiler)

// newAsked is the server as a backend, streamed where that is its name.
func newAsked(t *testing.T, s *httptest.Server, modify ...func(*routeconfig.Backend)) *backend.Backend {
	t.Helper()
	secrets := testkit.NewSecrets(t)
	address := s.Listener.Addr().String()
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
	expressions, err := compiler()
	if err != nil {
		t.Fatal(err)
	}
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	state := backend.NewState(backend.StateOptions{Namespace: testkit.Namespace, Config: &config, Store: store, Dialer: dial.New(dial.Options{AllowLoopback: true})})
	t.Cleanup(state.Close)
	options := backend.Options{Config: &config, State: state, Combined: true, Via: "fanout-x", Expressions: expressions, MaxBody: 1 << 10}
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
	own := tether.New(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { own.End(context.Cause(ctx)) })
	return r.Do(own, c, nil)
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

// steadily plays something up to five times, until it is without a fault, or has one though
// the process did not stand still: where it does, an answer to a PING is late, and
// connections are given up that nothing is wrong with.
func steadily(t *testing.T, play func(fault func(format string, args ...any))) {
	t.Helper()
	for again := 4; ; again-- {
		var faults []string
		stood := stillness(func() {
			play(func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) })
		})
		if len(faults) == 0 {
			return
		}
		if stood <= 250*time.Millisecond || again == 0 {
			t.Errorf("%s (the process stood still for %v)", strings.Join(faults, "; "), stood)
			return
		}
	}
}

// stillness returns the longest time for which no goroutine ran while f did.
func stillness(f func()) time.Duration {
	var longest time.Duration
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for last := time.Now(); ; {
			select {
			case <-ticker.C:
				longest = max(longest, time.Since(last))
				last = time.Now()
			case <-over:
				return
			}
		}
	})
	f()
	close(over)
	running.Wait()
	return longest
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
func storm(t *testing.T, b *backend.Backend, method string, clients, calls int) (failed map[string]int, attempts int64) {
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
				a := askOnce(t.Context(), b, call(method, fmt.Sprint("call ", n)))
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
