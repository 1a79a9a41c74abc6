// Package h1 keeps the connections of HTTP/1.1 to one server: which of them takes a request,
// when there is a further one and when one is given up is decided here; the exchanges are made
// by package wire. net/http's own pool obeys no Keep-Alive, has one idle time for all, cannot
// prefer a young connection, and repeats requests by itself.
package h1

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
	// Dial makes a connection, secured where it is to be. It bounds its own time. Its error
	// is that of the request for which it was asked.
	Dial func(ctx context.Context) (net.Conn, error)
	// Pause, if it is set, lets others go first: before a connection is made, which is not where
	// nobody needs it any more afterwards, and now and then while a response takes long to read.
	Pause func()
	// MaxConnections bounds the connections, at least 1. Requests beyond wait.
	MaxConnections int
	// MaxIdle bounds those of them on which nothing is sent.
	MaxIdle int
	// IdleTimeout bounds how long a connection is kept on which nothing is sent, whatever the
	// server announces.
	IdleTimeout time.Duration
	// MaxResponseHeader bounds the fields of a response, in bytes.
	MaxResponseHeader int
}

// Pool asks one server over as many connections as its requests need. It implements
// http.RoundTripper, and never repeats a request. It is safe for concurrent use.
type Pool struct {
	options Options

	mu      sync.Mutex
	idle    []*conn   // the last one given back is the last
	waiting []*waiter // first come, first served
	starved int       // those of them for whom no connection is being made
	open    int       // connections that are there or being made
	closing bool      // what is idle is closed
	sweeper *time.Timer
	sweeps  bool // the timer runs
	dials   context.Context
	cancel  context.CancelFunc
}

// New returns a Pool without connections.
func New(o Options) *Pool {
	p := &Pool{options: o}
	p.dials, p.cancel = context.WithCancel(context.Background())
	return p
}

// RoundTrip implements http.RoundTripper.
func (p *Pool) RoundTrip(r *http.Request) (*http.Response, error) {
	c, err := p.take(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	tether.Observe(r.Context(), c.reused)
	return c.roundTrip(r)
}

// CloseIdleConnections closes what is idle now, and from now on whatever becomes idle: a
// Pool that is closed still serves the requests that go on.
func (p *Pool) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	for _, c := range p.idle {
		go c.shut()
	}
	p.idle = nil
	if len(p.waiting) == 0 {
		p.cancel()
		p.dials, p.cancel = context.WithCancel(context.Background())
	}
}

// find takes an idle connection out, one that was used as lately as can be.
func (p *Pool) find(now time.Time, careful bool) *conn {
	for i, c := range slices.Backward(p.idle) {
		expired := c.expired(now)
		if !expired && careful && !c.young(now) {
			continue
		}
		p.idle = slices.Delete(p.idle, i, i+1)
		if !expired && c.wire.Silent() {
			return c
		}
		go c.shut()
	}
	return nil
}

// put takes a connection back whose response has come to its end, or does nothing with
// one that ends.
func (p *Pool) put(c *conn) {
	if !c.wire.Free() {
		return
	}
	c.reused = true
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offer(c)
}

// offer gives a connection to who waits for one, or keeps it. One that was used is looked at
// before it is handed over, as find does: content that is read past the buffer of package wire
// leaves with the system whatever a server has sent behind it.
func (p *Pool) offer(c *conn) {
	if c.gone {
		return
	}
	now := time.Now()
	if c.expired(now) {
		go c.shut()
		return
	}
	if i := slices.IndexFunc(p.waiting, func(w *waiter) bool { return w.suits(c, now) }); i >= 0 {
		if c.reused && !c.wire.Silent() {
			go c.shut()
			return
		}
		w := p.waiting[i]
		p.remove(w)
		w.give(c)
		return
	}
	if p.closing {
		go c.shut()
		return
	}
	if len(p.idle) >= p.options.MaxIdle {
		go p.idle[0].shut()
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	c.reused = true // a server may have closed it before its first request, too
	p.idle = append(p.idle, c)
	p.watch()
}

// sweepEvery is how often connections are closed that have been idle for too long. None is
// used after that, whether it is closed or not.
const sweepEvery = time.Second

// watch sweeps while there is something idle.
func (p *Pool) watch() {
	switch {
	case p.sweeps:
		return
	case p.sweeper == nil:
		p.sweeper = time.AfterFunc(sweepEvery, p.sweep)
	default:
		p.sweeper.Reset(sweepEvery)
	}
	p.sweeps = true
}

func (p *Pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		expired := c.expired(now)
		if expired {
			go c.shut()
		}
		return expired
	})
	if p.sweeps = len(p.idle) > 0; p.sweeps {
		p.sweeper.Reset(sweepEvery)
	}
}

// closed is told once of each connection that was closed, by whomever.
func (p *Pool) closed(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.gone {
		return
	}
	c.gone = true
	p.open--
	p.idle = slices.DeleteFunc(p.idle, func(other *conn) bool { return other == c })
	p.grow()
}
