// Package h2 keeps the connections of HTTP/2 to one server. Each of them is net/http's;
// which of them takes a call, when there is a further one and when one is given up is
// decided here. net/http's own pool fills one connection first, asks it nothing before
// 15 s, and sends hundreds of streams before it knows how many the server allows.
package h2

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/tether"
)

// Options are those of a Pool.
type Options struct {
	// Dial makes a connection on which the server speaks HTTP/2, secured where it is to be.
	// It bounds its own time. Its error is that of the calls for which it was asked.
	Dial func(ctx context.Context) (net.Conn, error)
	// MaxConnections bounds the connections, at least 1. Calls beyond wait.
	MaxConnections int
	// IdleTimeout is how long a connection without calls is kept.
	IdleTimeout time.Duration
	// MaxResponseHeader bounds the fields of a response, in bytes.
	MaxResponseHeader int64
	// Pause lets others go first, on behalf of a server that sends many frames; nil for nobody.
	Pause func()
	// Late reports whether the cause for which a request was canceled is that it took too
	// long. Where nothing came back meanwhile, the connection is asked at once whether it
	// lives, and takes no calls until it has answered. Nil for none is.
	Late func(cause error) bool
}

// Pool asks one server over as many connections as its calls need. It implements
// http.RoundTripper, and never repeats a request: see UnprocessedError. It is safe for
// concurrent use.
type Pool struct {
	options   Options
	transport *http.Transport // that makes HTTP/2 of each connection, and no connection itself

	mu      sync.Mutex
	conns   []*conn   // that take calls, the oldest first
	waiting []*waiter // first come, first served
	open    int       // connections that are there or being made
	makings []*making // those being made, the oldest first
	dialing int       // those of them that calls count on: see slowDial
	made    int       // and before them, ever
	each    int       // calls that the newest connection takes at once; 0 before the first
	trust   int       // calls that a fresh one takes at once, where one took no more; 0 for any
	closing bool      // what is idle is closed
	budget  budget    // of connections
	dials   context.Context
	cancel  context.CancelFunc
}

// waiter is a call without a connection.
type waiter struct {
	used  *Used
	ready chan struct{} // closed when one of the two is set
	conn  *conn
	err   error

	before int // connections that the pool had begun to make when the call came
}

// give ends the waiting.
func (w *waiter) give(c *conn) {
	c.begin(w.used)
	w.conn = c
	close(w.ready)
}

// New returns a Pool without connections.
func New(o Options) *Pool {
	p := &Pool{options: o, transport: transport(o.MaxResponseHeader)}
	if o.Pause == nil {
		p.options.Pause = func() {}
	}
	p.dials, p.cancel = context.WithCancel(context.Background())
	return p
}

// RoundTrip implements http.RoundTripper.
func (p *Pool) RoundTrip(r *http.Request) (*http.Response, error) {
	c, reused, err := p.take(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	tether.Observe(r.Context(), reused)
	return c.roundTrip(r)
}

// CloseIdleConnections closes what is idle now, and from now on whatever becomes idle:
// a Pool that is closed still serves the calls that go on.
func (p *Pool) CloseIdleConnections() {
	p.mu.Lock()
	p.closing = true
	idle := slices.DeleteFunc(slices.Clone(p.conns), func(c *conn) bool { return c.calls > 0 })
	p.conns = slices.DeleteFunc(p.conns, func(c *conn) bool { return c.calls == 0 })
	p.abandon()
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

// abandon ends the dials of a closed Pool for which nobody waits.
func (p *Pool) abandon() {
	if p.closing && len(p.waiting) == 0 && len(p.makings) > 0 {
		p.cancel()
		p.dials, p.cancel = context.WithCancel(context.Background())
	}
}

// take finds a connection for a call, or waits for one.
func (p *Pool) take(ctx context.Context) (c *conn, reused bool, err error) {
	used := usedBy(ctx)
	p.mu.Lock()
	if c := p.find(used.suits); c != nil {
		reused := c.begin(used)
		p.mu.Unlock()
		return c, reused, nil
	}
	w := p.await(used)
	p.mu.Unlock()
	select {
	case <-w.ready:
		return w.conn, false, w.err
	case <-ctx.Done():
		p.leave(w)
		return nil, false, ctx.Err() // as net/http's own
	}
}

// leave takes a waiter out, and gives back what it was given at the same moment.
func (p *Pool) leave(w *waiter) {
	p.mu.Lock()
	p.waiting = slices.DeleteFunc(p.waiting, func(other *waiter) bool { return other == w })
	p.abandon()
	p.mu.Unlock()
	if w.conn != nil {
		p.end(w.conn, false)
	}
}

// find returns a connection that takes a call and suits it.
func (p *Pool) find(suits func(*conn) bool) *conn {
	for _, c := range p.conns {
		if suits(c) && c.takes() {
			return c
		}
	}
	p.conns = slices.DeleteFunc(p.conns, func(c *conn) bool { return c.left })
	return nil
}

// serve gives what a connection has free to those who wait.
func (p *Pool) serve(c *conn) {
	for i := 0; i < len(p.waiting) && c.takes(); {
		w := p.waiting[i]
		if !w.used.suits(c) {
			i++
			continue
		}
		p.waiting = slices.Delete(p.waiting, i, i+1)
		w.give(c)
	}
	p.grow()
}

// end gives the place of a call back; lost says that the server did nothing with it.
func (p *Pool) end(c *conn, lost bool) {
	p.mu.Lock()
	c.end(lost)
	p.serve(c)
	p.abandon()
	idle := c.calls == 0 && (c.left || p.closing || c.watch.exhausted())
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

// remove keeps further calls from a connection.
func (p *Pool) remove(c *conn) {
	c.left = true
	p.conns = slices.DeleteFunc(p.conns, func(other *conn) bool { return other == c })
}

// closed is told of each connection that was closed, by whomever.
func (p *Pool) closed(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	c.watch.stop()
	p.remove(c)
	c.idle.stop()
	p.grow()
}
