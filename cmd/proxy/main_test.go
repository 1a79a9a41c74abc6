package main

import (
	"bufio"
	"context"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// babbling is a backend that says more than it was asked for.
func babbling(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}secret words of the backend\r\n")
			}
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

// What a backend says does not reach stderr, where the log of the proxy is: it may be a
// secret, and as much as it likes.
func TestForeignWordsAreNotLogged(t *testing.T) {
	said := &testkit.Log{}
	stdlog.SetOutput(said)
	t.Cleanup(func() { stdlog.SetOutput(os.Stderr) })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", babbling(t))), func(r *routeconfig.Route) { r.Listener.Port = number })}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "document.json"), encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--document=" + filepath.Join(dir, "document.json"), "--credentials=" + t.TempDir(), "--admin=",
			"--address=127.0.0.1", "--allow-loopback", "--drain-delay=0s"})
	}()
	client := &http.Transport{DisableKeepAlives: true}
	for range 10 {
		testkit.Eventually(t, "the proxy answers", func() bool {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.RoundTrip(r)
			if err != nil {
				return false
			}
			_ = response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if strings.Contains(said.String(), "words") {
		t.Errorf("the log has %q", said.String())
	}
}
