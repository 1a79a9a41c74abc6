package backend

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
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
	state := NewState("shop", &config, store, dial.New(dial.Options{AllowLoopback: true}))
	t.Cleanup(state.Close)
	expressions, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Options{Config: &config, State: state, Combined: true, Via: "fanout-x", Expressions: expressions, MaxBody: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keeping is a server that says how long it keeps an idle connection. It counts them.
func keeping(t *testing.T, header string, idle time.Duration) (url string, connections *atomic.Int64) {
	t.Helper()
	connections = &atomic.Int64{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if header != "" {
			w.Header().Set("Keep-Alive", header)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	server.Config.IdleTimeout = idle
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, connections
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
		{"within 4 s, what may be repeated", "", "GET", 2 * time.Second, 1},
		{"after 4 s", "", "GET", 4100 * ms, 2},
		{"after a second, what may not", "", "POST", 1500 * ms, 2},
		{"announced, within", "timeout=20", "POST", 4500 * ms, 1},
		{"announced, after", "timeout=2", "GET", 1100 * ms, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			url, connections := keeping(t, row.header, 0)
			b := reach(t, url)
			for i := range 2 {
				if a := ask(t, b, newCall(row.method)); a.Outcome != fanout.Succeeded || a.Attempts != 1 {
					t.Errorf("call %d: %v/%v after %d attempts", i, a.Outcome, a.Reason, a.Attempts)
				}
				if i == 0 {
					time.Sleep(row.wait)
				}
			}
			if n := connections.Load(); n != row.want {
				t.Errorf("%d connections, want %d", n, row.want)
			}
		})
	}
}

// P4: of writes that come just when a backend gives up its idle connections none is lost,
// nor done twice.
func TestP4NoWriteMeetsADyingConnection(t *testing.T) {
	t.Parallel()
	const idle, calls = 1200 * ms, 40
	var done atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		done.Add(1)
		_, _ = w.Write([]byte("{}"))
	}))
	server.Config.IdleTimeout = idle // and it announces nothing
	server.Start()
	t.Cleanup(server.Close)
	for i := range calls {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			b := reach(t, server.URL)
			ask(t, b, newCall("POST"))
			time.Sleep(idle - time.Duration(calls/2-i)*200*time.Microsecond)
			if a := ask(t, b, newCall("POST")); a.Outcome != fanout.Succeeded || a.Attempts != 1 {
				t.Errorf("%v/%v after %d attempts", a.Outcome, a.Reason, a.Attempts)
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
