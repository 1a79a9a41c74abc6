package backend_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/fanout-operator/fanout/internal/backend"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// peer is a server of HTTP/2 that is written frame by frame. It asks its script what to do
// with each request, the first one of all being number 1.
type peer struct {
	net.Listener

	settings []http2.Setting
	script   func(p *peerConn, stream uint32, request int64)
	requests atomic.Int64
	conns    atomic.Int64
	late     time.Duration // until it says its settings
	early    atomic.Int64  // requests before that
}

// peerConn is one of its connections.
type peerConn struct {
	*http2.Framer

	conn net.Conn
}

func newPeer(t *testing.T, script func(p *peerConn, stream uint32, request int64), settings ...http2.Setting) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Listener: l, script: script, settings: settings}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.conns.Add(1)
			running.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return p
}

func (p *peer) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	c := &peerConn{http2.NewFramer(conn, conn), conn}
	for end := time.Now().Add(p.late); time.Now().Before(end); {
		_ = conn.SetReadDeadline(end)
		if f, err := c.ReadFrame(); err == nil && f.Header().Type == http2.FrameHeaders {
			p.early.Add(1)
		}
	}
	_ = conn.SetReadDeadline(time.Time{})
	_ = c.WriteSettings(p.settings...)
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
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
}

// ok answers with 200.
func (p *peerConn) ok(stream uint32) {
	var fields bytes.Buffer
	_ = hpack.NewEncoder(&fields).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields.Bytes(), EndHeaders: true, EndStream: true})
}

// P9: what the protocol proves unprocessed is repeated, a POST with its body and without a
// word of retries; what was perhaps processed is not. The texts of net/http's errors are
// held here, too: they are all that it says.
func TestP9Proofs(t *testing.T) {
	t.Parallel()
	first := func(do func(p *peerConn, stream uint32)) func(p *peerConn, stream uint32, request int64) {
		return func(p *peerConn, stream uint32, request int64) {
			if request == 1 {
				do(p, stream)
				return
			}
			p.ok(stream)
		}
	}
	for _, row := range []struct {
		name     string
		do       func(p *peerConn, stream uint32)
		attempts int
	}{
		{"a stream that is refused", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeRefusedStream) }, 2},
		{"a stream beyond the last one", func(p *peerConn, _ uint32) { _ = p.WriteGoAway(0, http2.ErrCodeNo, nil) }, 2},
		{"a stream beyond the last one, with an error", func(p *peerConn, _ uint32) { _ = p.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil) }, 2},
		{"a stream beyond the last one, and the end", func(p *peerConn, _ uint32) {
			_ = p.WriteGoAway(0, http2.ErrCodeNo, nil)
			_ = p.conn.(*net.TCPConn).CloseWrite()
		}, 2},
		{"an answer after it was said that the connection ends", func(p *peerConn, stream uint32) {
			_ = p.WriteGoAway(1<<31-1, http2.ErrCodeNo, nil)
			_ = p.WriteGoAway(stream, http2.ErrCodeNo, nil)
			p.ok(stream)
		}, 1},
		{"the last stream, and the end", func(p *peerConn, stream uint32) {
			_ = p.WriteGoAway(stream, http2.ErrCodeNo, nil)
			_ = p.conn.Close()
		}, -1},
		{"the end", func(p *peerConn, _ uint32) { _ = p.conn.Close() }, -1},
		{"a stream that is canceled", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeCancel) }, -1},
		{"a stream that fails", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeInternal) }, -1},
		{"a stream against the protocol", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeProtocol) }, -1},
		{"a stream that is slow", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeEnhanceYourCalm) }, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, first(row.do))
			a := askOnce(t.Context(), newPeerBackend(t, p), call("POST", strings.Repeat("x", 1000)))
			want := fanout.Succeeded
			if row.attempts < 0 {
				want = fanout.Failed
			}
			if n := int(p.requests.Load()); a.Outcome != want || a.Attempts != max(row.attempts, -row.attempts) || n != a.Attempts {
				t.Errorf("%v/%v in %d attempts, of which %d came, want %v in %d", a.Outcome, a.Reason, a.Attempts, n, want, row.attempts)
			}
		})
	}
}

// P9: a server that refuses everything is asked a bounded number of times.
func TestP9RefusalsAreBounded(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(p *peerConn, stream uint32, _ int64) { _ = p.WriteRSTStream(stream, http2.ErrCodeRefusedStream) })
	a := askOnce(t.Context(), newPeerBackend(t, p), call("POST", "x"))
	if a.Outcome != fanout.Failed || a.Reason != fanout.Reset || a.Attempts != 17 || p.requests.Load() != 17 {
		t.Errorf("%v/%v in %d attempts, of which %d came, want failed/reset in 17", a.Outcome, a.Reason, a.Attempts, p.requests.Load())
	}
	if n := p.conns.Load(); n != 1 {
		t.Errorf("on %d connections: a refusal says nothing against one", n)
	}
}

// P9: nothing is sent before the server has said how much it takes.
func TestP9NothingIsSentBeforeTheSettings(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(p *peerConn, stream uint32, _ int64) { p.ok(stream) }, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 3})
	p.late = 300 * time.Millisecond
	if failed, _ := storm(t, newPeerBackend(t, p), 30, 30); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	if n := p.early.Load(); n > 0 {
		t.Errorf("%d requests before the settings", n)
	}
}

// A server that takes nothing is not asked for more connections.
func TestP9AServerWithoutStreams(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(p *peerConn, stream uint32, _ int64) { p.ok(stream) }, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
	if a := askOnce(t.Context(), newPeerBackend(t, p), call("POST", "x")); a.Reason != fanout.Connect || p.conns.Load() != 1 {
		t.Errorf("%v/%v, on %d connections", a.Outcome, a.Reason, p.conns.Load())
	}
}

func newPeerBackend(t *testing.T, p *peer) *backend.Backend {
	t.Helper()
	config := testkit.Receiver("one", "http://"+p.Addr().String(), func(b *routeconfig.Backend) { b.Protocol = routeconfig.ProtocolH2C })
	return newFrom(t, &config, testkit.NewSecrets(t), dial.Options{})
}
