package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// pipes is a listener in memory: its connections have no buffers, and the clock of the test.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

// Addr implements net.Listener.
func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// readSlowly reads what a proxy says to GET, 64 KiB at a time, and rests after each.
func readSlowly(t *testing.T, route routeconfig.Route, rest time.Duration) (body string, err error) {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	p := proxy.New(proxy.Options{
		Dialer: dial.New(dial.Options{AllowLoopback: true}), Log: slog.New(slog.DiscardHandler),
		Credentials: os.DirFS(t.TempDir()), Listen: func(*routeconfig.Route) (net.Listener, error) { return l, nil },
	})
	if err := p.Load(proxytest.Encode(t, route)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	client, server := net.Pipe()
	defer func() { _ = client.Close() }()
	l.conns <- server
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var read strings.Builder
	for err == nil {
		_, err = io.CopyN(&read, response.Body, 64<<10)
		time.Sleep(rest)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return read.String(), err
}

// A client that reads slowly gets its response to the end, however long that takes, since
// each piece has 30 s; one that rests for longer is left.
func TestSlowReadersHaveTimeForEachPiece(t *testing.T) {
	t.Parallel()
	const size = 600 << 10
	large := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // nothing real is waited for once it has been read
		testkit.Respond(200, "text/plain", strings.Repeat("x", size))(w, nil)
	})
	for _, kind := range []string{"Envelope", "First"} {
		route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", large.URL)), response(kind))
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			body, err := readSlowly(t, route, 20*time.Second)
			if took := time.Since(begun); err != nil || strings.Count(body, "x") < size || took < 3*time.Minute {
				t.Errorf("%s: %d bytes after %v, %v; want all %d", kind, len(body), took, err, size)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			if body, err := readSlowly(t, route, 40*time.Second); err == nil || len(body) > 256<<10 {
				t.Errorf("%s: a client that rests for 40 s has got %d bytes, %v", kind, len(body), err)
			}
		})
	}
}
