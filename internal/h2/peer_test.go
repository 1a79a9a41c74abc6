package h2_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/fanout-operator/fanout/internal/h2"
)

// peer is a server in memory. Its connections are numbered from 1.
type peer struct {
	streams uint32 // at once
	// onRequest is called with each request, in its connection's own goroutine.
	onRequest func(c *peerConn, stream uint32)
	// mute is the connection up to which it hears and says nothing, once its settings are said.
	mute atomic.Int64
	// refuse fails dials.
	refuse atomic.Pointer[error]

	dialed, open, pings atomic.Int64
	mu                  sync.Mutex
	conns               []*peerConn
}

type peerConn struct {
	peer *peer
	n    int64
	out  chan func(*http2.Framer)
	done chan struct{}
}

func (p *peer) dial(context.Context) (net.Conn, error) {
	if err := p.refuse.Load(); err != nil {
		return nil, *err
	}
	client, server := net.Pipe()
	c := &peerConn{peer: p, n: p.dialed.Add(1), out: make(chan func(*http2.Framer), 1000), done: make(chan struct{})}
	p.open.Add(1)
	p.mu.Lock()
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	go c.write(server)
	go c.read(server)
	return client, nil
}

func (c *peerConn) write(conn net.Conn) {
	framer := http2.NewFramer(conn, nil)
	_ = framer.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: c.peer.streams})
	for {
		select {
		case do := <-c.out:
			if c.n > c.peer.mute.Load() {
				do(framer)
			}
		case <-c.done:
			return
		}
	}
}

func (c *peerConn) read(conn net.Conn) {
	defer func() { _ = conn.Close(); close(c.done); c.peer.open.Add(-1) }()
	_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
	framer := http2.NewFramer(nil, conn)
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				c.out <- func(w *http2.Framer) { _ = w.WriteSettingsAck() }
			}
		case *http2.PingFrame:
			c.peer.pings.Add(1)
			data := f.Data
			c.out <- func(w *http2.Framer) { _ = w.WritePing(true, data) }
		case *http2.HeadersFrame:
			if c.peer.onRequest == nil {
				c.answer(f.StreamID)
			} else {
				c.peer.onRequest(c, f.StreamID)
			}
		}
	}
}

func (c *peerConn) answer(stream uint32) {
	c.out <- func(w *http2.Framer) {
		var fields bytes.Buffer
		_ = hpack.NewEncoder(&fields).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields.Bytes(), EndHeaders: true, EndStream: true})
	}
}

func newPool(p *peer, modify ...func(*h2.Options)) *h2.Pool {
	if p.streams == 0 {
		p.streams = 100
	}
	o := h2.Options{
		Dial: p.dial, MaxConnections: 10, IdleTimeout: time.Minute, MaxResponseHeader: 1 << 10,
		Late: func(cause error) bool { return errors.Is(cause, errLate) },
	}
	for _, m := range modify {
		m(&o)
	}
	return h2.New(o)
}

// ask makes a request and reads its response.
func ask(ctx context.Context, pool *h2.Pool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://server/", nil)
	if err != nil {
		return err
	}
	response, err := pool.RoundTrip(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return err
}
