package h2

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

const (
	// settingsTimeout is how long a server may take to say what it allows. RFC 9113,
	// section 3.4: it is the first that it says.
	settingsTimeout = 10 * time.Second
	// maxStreams bounds the calls on a connection, whatever the server allows: all of them
	// end with it, and maxReceived counts on it.
	maxStreams = 128
	// maxReceived bounds what a server may send on a stream ahead of its reader, in bytes.
	maxReceived = 64 << 10
)

var (
	errNoSettings = errors.New("the server does not speak HTTP/2")
	errNoStreams  = errors.New("the server takes no calls")
)

// config are the settings of every connection. What a connection may receive ahead is that
// of all its streams, so that a slow reader holds up nobody else. net/http asks nothing by
// itself (SendPingTimeout): it would do so every time, see maxAsks.
func config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxReceiveBufferPerStream: maxReceived, MaxReceiveBufferPerConnection: maxStreams * maxReceived,
	}
}

// framesKey is that of the connection on which HTTP/2 is to begin.
type framesKey struct{}

// transport begins HTTP/2. It keeps no connection, and closes none that is idle: see idle.
func transport(maxResponseHeader int64) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true) // what is below is secured already, or is not to be
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			f, _ := ctx.Value(framesKey{}).(*frames)
			return f, nil
		},
		Protocols:              protocols,
		HTTP2:                  config(),
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}

// Adopt takes over a connection that was made elsewhere. It returns at once.
func (p *Pool) Adopt(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	go p.establish(p.make(), conn)
}

func (p *Pool) dial(m *making) {
	conn, err := p.options.Dial(m.ctx)
	if err != nil {
		p.mu.Lock()
		p.open--
		p.budget.refund(pace)
		p.failed(m, err)
		p.mu.Unlock()
		return
	}
	p.establish(m, conn)
}

// establish begins HTTP/2 on a connection and lets calls onto it.
func (p *Pool) establish(m *making, nc net.Conn) {
	c, err := p.newConn(m.ctx, nc)
	if err != nil {
		_ = c.frames.Close()
	}
	p.mu.Lock()
	if c.most = c.limit; p.trust > 0 {
		c.most = min(p.trust, c.limit)
	}
	if err == nil && (c.max == 0 || !c.takes()) {
		err = errNoStreams
	}
	if err != nil {
		c.left = true
		p.failed(m, err)
		p.mu.Unlock()
		c.close()
		return
	}
	p.over(m)
	p.each = c.most
	p.conns = append(p.conns, c)
	p.serve(c)
	idle := p.closing && c.calls == 0
	switch {
	case idle:
		p.remove(c)
	case c.calls == 0:
		p.rest(c)
	}
	p.mu.Unlock()
	if idle {
		c.close()
	}
}

// newConn returns a connection whose server has said what it allows: net/http would send
// it 100 streams before.
func (p *Pool) newConn(ctx context.Context, nc net.Conn) (*conn, error) {
	c := &conn{pool: p}
	c.frames = newFrames(nc, p.options.Pause, func() { p.closed(c) })
	c.watch = newWatch(c.frames, c.close, func() { p.answered(c) })
	var err error
	if c.client, err = p.transport.NewClientConn(context.WithValue(ctx, framesKey{}, c.frames), "http", "server:80"); err != nil {
		return c, fmt.Errorf("begin HTTP/2: %w", err)
	}
	timer := time.NewTimer(settingsTimeout)
	defer timer.Stop()
	select {
	case <-c.frames.agreed:
	case <-c.frames.done:
		return c, errNoSettings
	case <-timer.C:
		return c, errNoSettings
	case <-ctx.Done():
		return c, ctx.Err() // nobody waits any more
	}
	c.max = c.client.Available() + c.client.InFlight()
	// One less than allowed: a server may count a stream for a moment after it has sent its
	// end, and Go's answers one too many with PROTOCOL_ERROR, which proves nothing.
	c.limit = min(max(c.max-1, 1), maxStreams)
	return c, nil
}

// failed tells the calls for which a connection was asked that there is none. Those that a
// connection may still take go on waiting.
func (p *Pool) failed(m *making, err error) {
	abandoned := m.ctx.Err() != nil
	p.over(m)
	if abandoned { // who waits now has come later, or waits for another one
		p.grow()
		return
	}
	share := len(p.waiting)
	if p.dialing > 0 && p.each > 0 {
		share = min(share, p.each)
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(w *waiter) bool {
		// Of a dial that was slow, others have been told to count on the next one.
		if share == 0 || p.hopes(w) || m.slow && w.before >= m.n {
			return false
		}
		share--
		if c := p.find(func(*conn) bool { return true }); c != nil { // rather one that it has used than none
			w.give(c)
		} else {
			w.err = err
			close(w.ready)
		}
		return true
	})
	if m.slow {
		p.grow()
	}
}

// hopes reports whether there is a connection that will take the call when others end.
func (p *Pool) hopes(w *waiter) bool {
	return slices.ContainsFunc(p.conns, func(c *conn) bool { return !c.left && !c.watch.silent() && w.used.suits(c) })
}

// answered is told that a connection has answered when it was asked.
func (p *Pool) answered(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.left {
		p.serve(c)
	}
}
