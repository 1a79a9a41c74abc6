package backend

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/fanout-operator/fanout/internal/h2"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// pipes are connections in memory, so that a server and its clients live in a bubble. It
// implements net.Listener.
type pipes struct {
	net.Listener

	made   atomic.Int64
	coming chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{coming: make(chan net.Conn), closed: make(chan struct{})} }

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.coming:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) dial(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.coming <- server:
		p.made.Add(1)
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// peer is a server of HTTP/2 that is written frame by frame. It asks its script what to do
// with each request, the first one of all being number 1.
type peer struct {
	*pipes

	identity *tls.Config // nil for none
	settings []http2.Setting
	script   func(p *peerConn, stream uint32, request int64)
	requests atomic.Int64
	late     time.Duration // until it says its settings
	early    atomic.Int64  // requests before that
	silent   atomic.Int64  // connections up to this one hear and say nothing any more
}

// peerConn is one of its connections. Its framer is of whoever has the lock, which is the
// script's while it runs.
type peerConn struct {
	*http2.Framer
	sync.Mutex

	out chan []byte // what was written, and nil for the end
}

// Write implements io.Writer: who writes waits for no reader.
func (c *peerConn) Write(b []byte) (int, error) {
	c.out <- bytes.Clone(b)
	return len(b), nil
}

// end ends the connection, after what was written.
func (c *peerConn) end() { c.out <- nil }

// ok answers with 200.
func (c *peerConn) ok(stream uint32) {
	var fields bytes.Buffer
	_ = hpack.NewEncoder(&fields).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields.Bytes(), EndHeaders: true, EndStream: true})
}

// newPeer runs a peer in a bubble.
func newPeer(t *testing.T, identity *tls.Config, script func(p *peerConn, stream uint32, request int64), settings ...http2.Setting) *peer {
	t.Helper()
	p := &peer{pipes: newPipes(), identity: identity, script: script, settings: settings}
	go func() {
		for n := int64(1); ; n++ {
			conn, err := p.Accept()
			if err != nil {
				return
			}
			if p.identity != nil {
				conn = tls.Server(conn, p.identity)
			}
			go p.serve(conn, n)
		}
	}()
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func (p *peer) serve(conn net.Conn, n int64) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	c := &peerConn{out: make(chan []byte, 1000)}
	c.Framer = http2.NewFramer(c, conn)
	defer close(c.out)
	go func() {
		for b := range c.out {
			if b == nil {
				_ = conn.Close()
			} else if n > p.silent.Load() {
				_, _ = conn.Write(b)
			}
		}
	}()
	if p.late > 0 {
		_ = conn.SetReadDeadline(time.Now().Add(p.late))
		for f, err := c.ReadFrame(); err == nil; f, err = c.ReadFrame() {
			if f.Header().Type == http2.FrameHeaders {
				p.early.Add(1)
			}
		}
		_ = conn.SetReadDeadline(time.Time{})
	}
	_ = c.WriteSettings(p.settings...)
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
		if n > p.silent.Load() {
			c.Lock()
			p.hear(c, f)
			c.Unlock()
		}
	}
}

func (p *peer) hear(c *peerConn, f http2.Frame) {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			_ = c.WriteSettingsAck()
		}
	case *http2.PingFrame:
		_ = c.WritePing(true, f.Data)
	case *http2.DataFrame:
		if f.StreamEnded() {
			p.script(c, f.StreamID, p.requests.Add(1))
		}
	}
}

// ofPeer is a backend over connections of HTTP/2 to a peer.
func ofPeer(t *testing.T, p *peer, config routeconfig.Backend, client *tls.Config) *Backend {
	t.Helper()
	connect := func(ctx context.Context) (net.Conn, error) {
		conn, err := p.dial(ctx)
		if err != nil || client == nil {
			return conn, err
		}
		secured := tls.Client(conn, client)
		return secured, secured.HandshakeContext(ctx)
	}
	pool := h2.New(h2.Options{Dial: connect, MaxConnections: 8, IdleTimeout: time.Minute, MaxResponseHeader: 1 << 10, Late: late})
	t.Cleanup(pool.CloseIdleConnections)
	b := newBackendOver(t, config, pool)
	b.state.multiplexed = true
	return b
}

// identity is a server's for TLS, with what its clients know of it.
var identity = sync.OnceValues(func() (server, client *tls.Config) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.EnableHTTP2 = true
	s.StartTLS()
	s.Close()
	known := x509.NewCertPool()
	known.AddCert(s.Certificate())
	return s.TLS, &tls.Config{RootCAs: known, ServerName: "example.com", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
})

// bubbles runs a test in a bubble, over TLS and without.
func bubbles(t *testing.T, name string, test func(t *testing.T, server, client *tls.Config)) {
	t.Helper()
	server, client := identity()
	t.Run(name+" H2C", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { test(t, nil, nil) })
	})
	t.Run(name+" TLS", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { test(t, server, client) })
	})
}
