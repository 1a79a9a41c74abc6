package rates

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
)

// A proxy is asked over one connection again and again, and over another one where that has died.
func TestOneConnectionServesManyPolls(t *testing.T) {
	t.Parallel()
	var begun atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"version":1,"document":"h1"}`))
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			begun.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	f := NewHTTPFetcher()
	poll := func() {
		t.Helper()
		report, err := f.Fetch(t.Context(), server.URL+"/status", stats.Bounds{{Namespace: "shop", Name: "orders"}})
		if err != nil || report.Document != "h1" {
			t.Fatalf("the report is %+v, error %v", report, err)
		}
	}
	for range 5 {
		poll()
	}
	if n := begun.Load(); n != 1 {
		t.Errorf("five polls took %d connections", n)
	}
	server.CloseClientConnections()
	poll()
	poll()
	if n := begun.Load(); n != 2 {
		t.Errorf("after the first one had died there were %d", n)
	}
}

// A connection that brought anything else than a whole report is not kept.
func TestDoubtfulConnectionsAreNotKept(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"an error":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"it closes": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") },
		"too much":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) },
		"never an end": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = w.Write([]byte("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := NewHTTPFetcher()
			if _, err := f.Fetch(t.Context(), serve(t, handler), stats.Bounds{{Namespace: "shop", Name: "orders"}}); err == nil {
				t.Error("it is taken for a report")
			}
			if len(f.lines.kept) > 0 {
				t.Error("the connection is kept")
			}
		})
	}
}

// What nobody uses is closed: proxies come and go.
func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := lines{}
		ours, theirs := net.Pipe()
		l.keep("a", ours)
		second, _ := net.Pipe()
		l.keep("a", second)
		if _, err := second.Write([]byte("x")); err == nil {
			t.Error("two connections to one proxy are kept")
		}
		time.Sleep(idleFor - time.Second)
		if conn := l.take("a"); conn != ours {
			t.Fatalf("the connection is %v", conn)
		}
		time.Sleep(2 * idleFor)
		l.keep("a", ours)
		time.Sleep(idleFor + time.Second)
		if _, err := theirs.Read(make([]byte, 1)); err == nil || l.take("a") != nil {
			t.Errorf("it is not closed after %v", idleFor)
		}
	})
}
