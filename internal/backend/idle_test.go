package backend

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// reach is a backend over real connections, as New makes it.
func reach(t testing.TB, url string, modify ...func(*routeconfig.Backend)) *Backend {
	t.Helper()
	return reachWith(t, url, creds.NewStore(creds.Options{Tree: os.DirFS(t.TempDir())}), modify...)
}

// reachWith is reach with Secrets.
func reachWith(t testing.TB, url string, store *creds.Store, modify ...func(*routeconfig.Backend)) *Backend {
	t.Helper()
	config := routeconfig.Backend{Name: "one", URL: url, Timeout: testkit.Span(10 * time.Second), MaxResponseSize: 1 << 10}
	config.Request.Path = routeconfig.PathURL
	for _, m := range modify {
		m(&config)
	}
	state := NewState(StateOptions{Namespace: "shop", Config: &config, Store: store, Dialer: dial.New(dial.Options{AllowLoopback: true})})
	t.Cleanup(state.Close)
	expressions, err := compiler()
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Options{Config: &config, State: state, Combined: true, Via: "fanout-x", Expressions: expressions, MaxBody: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// overPipes is a backend in a bubble, over the connections of HTTP/1.1 that New makes, with
// a server that gives up those that are idle for so long (0 for never).
func overPipes(t *testing.T, idle time.Duration, handler http.HandlerFunc) (b *Backend, made *atomic.Int64) {
	t.Helper()
	p := newPipes()
	server := &http.Server{Handler: handler, IdleTimeout: idle}
	go func() { _ = server.Serve(p) }()
	pool := h1.New(h1.Options{Dial: p.dial, MaxConnections: 8, MaxIdle: 8, IdleTimeout: time.Minute, MaxResponseHeader: 1 << 10})
	t.Cleanup(func() {
		pool.CloseIdleConnections()
		_ = server.Close()
	})
	return newBackendOver(t, routeconfig.Backend{}, pool), &p.made
}

// P4: an idle connection is reused within the time that the backend announces and not
// after, whatever the backend then does; what may not be repeated prefers a new one.
func TestP4IdleConnections(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, header, method string
		wait                 time.Duration
		want                 int64
	}{
		{"at once", "", "POST", 0, 1},
		{"within 4 s, what may be repeated", "", "GET", 4*time.Second - 1, 1},
		{"after 4 s", "", "GET", 4 * time.Second, 2},
		{"within a second, what may not", "", "POST", time.Second, 1},
		{"after a second, what may not", "", "POST", time.Second + 1, 2},
		{"announced, within", "timeout=20", "POST", 4500 * ms, 1},
		{"announced, after", "timeout=2", "GET", time.Second, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			b, made := overPipes(t, 0, func(w http.ResponseWriter, _ *http.Request) {
				if row.header != "" {
					w.Header().Set("Keep-Alive", row.header)
				}
				_, _ = w.Write([]byte("{}"))
			})
			for i := range 2 {
				if a := ask(t, b, newCall(row.method)); a.Outcome != fanout.Succeeded || a.Attempts != 1 {
					t.Errorf("%s: call %d: %v/%v after %d attempts", row.name, i, a.Outcome, a.Reason, a.Attempts)
				}
				if i == 0 {
					time.Sleep(row.wait)
				}
			}
			if n := made.Load(); n != row.want {
				t.Errorf("%s: %d connections, want %d", row.name, n, row.want)
			}
		})
	}
}

// P4: of writes that come just when a backend gives up its idle connections none is lost,
// nor done twice.
func TestP4NoWriteMeetsADyingConnection(t *testing.T) {
	t.Parallel()
	const idle = 1200 * ms // and it announces nothing
	for i := range 40 {
		synctest.Test(t, func(t *testing.T) {
			var done atomic.Int64
			b, _ := overPipes(t, idle, func(w http.ResponseWriter, _ *http.Request) {
				done.Add(1)
				_, _ = w.Write([]byte("{}"))
			})
			ask(t, b, newCall("POST"))
			time.Sleep(idle + time.Duration(i-20)*200*time.Microsecond)
			if a := ask(t, b, newCall("POST")); a.Outcome != fanout.Succeeded || a.Attempts != 1 || done.Load() != 2 {
				t.Errorf("%v/%v after %d attempts, %d calls done", a.Outcome, a.Reason, a.Attempts, done.Load())
			}
		})
	}
}

// P4: what is safe is asked again on a fresh connection where the one that was idle died
// under it, and counts as an attempt; a write is not.
func TestP4SafeRequestsSurviveDyingConnections(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]struct {
		outcome  fanout.Outcome
		attempts int
	}{"GET": {fanout.Succeeded, 2}, "POST": {fanout.Failed, 1}} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		var asked atomic.Int64
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer func() { _ = conn.Close() }()
					in := bufio.NewReader(conn)
					for range 4 { // on the first connection alone, the last one kills it
						r, err := http.ReadRequest(in)
						if err != nil {
							return
						}
						_, _ = in.Discard(int(r.ContentLength))
						if asked.Add(1) == 4 {
							return
						}
						_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
					}
				}()
			}
		}()
		b := reach(t, "http://"+listener.Addr().String())
		for range 3 {
			ask(t, b, newCall(method))
		}
		if a := ask(t, b, newCall(method)); a.Outcome != want.outcome || a.Attempts != want.attempts {
			t.Errorf("%s: %v/%v after %d attempts, want %v after %d", method, a.Outcome, a.Reason, a.Attempts, want.outcome, want.attempts)
		}
	}
}
