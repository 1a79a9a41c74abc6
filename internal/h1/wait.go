package h1

import (
	"context"
	"slices"
	"time"
)

// slowDial is how long a request that may not be repeated waits for a young connection
// where there is an older one.
const slowDial = 500 * time.Millisecond

// waiter is a request without a connection.
type waiter struct {
	careful bool
	dialled bool          // a connection is being made for it
	ready   chan struct{} // closed when one of the two is set
	conn    *conn
	err     error
}

// suits reports whether a connection that was given back is one for it: where none is
// being made for it, any is.
func (w *waiter) suits(c *conn, now time.Time) bool { return !w.careful || !w.dialled || c.young(now) }

// give ends the waiting.
func (w *waiter) give(c *conn) {
	w.conn = c
	close(w.ready)
}

// Choice is which connection a request takes.
type Choice uint8

const (
	// AnyConn is for requests that are repeated where their connection has died.
	AnyConn Choice = iota
	// YoungConn is for those that may not be repeated: one on which its server has just
	// answered, or a new one if there is one to be had soon.
	YoungConn
	// FreshConn is none that has been idle, if there is another one to be had soon: such a one
	// has just let the request down.
	FreshConn
)

// ChoiceKey is that of a Choice among the values of a request's context; without one it is
// AnyConn.
type ChoiceKey struct{}

// Careful returns a context with YoungConn.
func Careful(ctx context.Context) context.Context {
	return context.WithValue(ctx, ChoiceKey{}, YoungConn)
}

// Fresh returns a context with FreshConn.
func Fresh(ctx context.Context) context.Context {
	return context.WithValue(ctx, ChoiceKey{}, FreshConn)
}

// take finds a connection for a request, or waits for one.
func (p *Pool) take(ctx context.Context) (*conn, error) {
	choice, _ := ctx.Value(ChoiceKey{}).(Choice)
	careful := choice != AnyConn
	p.mu.Lock()
	now := time.Now()
	var c *conn
	if choice != FreshConn {
		c = p.find(now, careful)
	}
	if c == nil && careful && p.open >= p.options.MaxConnections {
		c = p.find(now, false)
	}
	if c != nil {
		p.mu.Unlock()
		return c, nil
	}
	w := &waiter{careful: careful, ready: make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.starved++
	if p.open < p.options.MaxConnections {
		p.begin(w)
	}
	p.mu.Unlock()
	if careful {
		return p.await(ctx, w)
	}
	select {
	case <-w.ready:
		return w.conn, w.err
	case <-ctx.Done():
		return nil, p.leave(ctx, w)
	}
}

// await waits for a young connection, and after a while for any.
func (p *Pool) await(ctx context.Context, w *waiter) (*conn, error) {
	timer := time.NewTimer(slowDial)
	defer timer.Stop()
	for {
		select {
		case <-w.ready:
			return w.conn, w.err
		case <-timer.C:
			p.mu.Lock()
			if w.careful = false; slices.Contains(p.waiting, w) {
				if c := p.find(time.Now(), false); c != nil {
					p.remove(w)
					w.give(c)
				}
			}
			p.mu.Unlock()
		case <-ctx.Done():
			return nil, p.leave(ctx, w)
		}
	}
}

// remove takes a waiter out; false where it does not wait any more.
func (p *Pool) remove(w *waiter) bool {
	i := slices.Index(p.waiting, w)
	if i < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	if !w.dialled {
		p.starved--
	}
	return true
}

// leave takes a waiter out, and gives back what it was given at the same moment.
func (p *Pool) leave(ctx context.Context, w *waiter) error {
	p.mu.Lock()
	p.remove(w)
	p.mu.Unlock()
	if w.conn != nil {
		p.put(w.conn)
	}
	return ctx.Err() // as net/http's own
}

// grow dials for those who wait without, in turn and within the bound.
func (p *Pool) grow() {
	for i := 0; i < len(p.waiting) && p.starved > 0 && p.open < p.options.MaxConnections; i++ {
		if w := p.waiting[i]; !w.dialled {
			p.begin(w)
		}
	}
}

// begin dials for a waiter.
func (p *Pool) begin(w *waiter) {
	w.dialled = true
	p.starved--
	p.open++
	go p.dial(p.dials, w)
}

// served pauses and reports whether the waiter was given another connection meanwhile. For
// one that has left there is one to be made all the same: the next one may be as impatient.
func (p *Pool) served(w *waiter) bool {
	if p.options.Pause == nil {
		return false
	}
	p.options.Pause()
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.conn == nil {
		return false
	}
	p.open--
	p.grow()
	return true
}

// dial makes a connection for a waiter. Once begun it goes on when that has left, or was
// given another one, and then it is anybody's.
func (p *Pool) dial(ctx context.Context, w *waiter) {
	if p.served(w) {
		return
	}
	c, err := p.connect(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	waited := p.remove(w)
	if err == nil {
		if !waited {
			p.offer(c)
			return
		}
		w.give(c) // closed as it may be by now: whoever asks on it is told
		return
	}
	p.open--
	if waited {
		if w.conn = p.find(time.Now(), false); w.conn == nil { // rather an older one than none
			w.err = err
		}
		close(w.ready)
	}
	p.grow()
}
