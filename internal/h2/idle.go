package h2

import "time"

// idle is since when a connection has had no call, and the timer that looks at it. It
// belongs to the pool's lock.
//
// net/http has such a timer too (http.Transport.IdleConnTimeout). It starts it anew when the
// last stream of a connection is forgotten, even where the connection was closed before, and
// the timer then holds on to all of it until it fires (forgetStreamID of Go 1.26): 14 KiB, and
// a server that ends each connection after one response makes a thousand of them a second.
type idle struct {
	since time.Time
	timer *time.Timer
	runs  bool
}

// rest says that a connection has no call any more. The timer is left to itself while calls
// come and go, and looks when it fires how long that was ago.
func (p *Pool) rest(c *conn) {
	if c.left || p.options.IdleTimeout <= 0 {
		return
	}
	c.idle.since = time.Now()
	if !c.idle.runs {
		p.lookAgain(c, p.options.IdleTimeout)
	}
}

func (p *Pool) lookAgain(c *conn, wait time.Duration) {
	c.idle.runs = true
	if c.idle.timer == nil {
		c.idle.timer = time.AfterFunc(wait, func() { p.closeIdle(c) })
		return
	}
	c.idle.timer.Reset(wait)
}

// closeIdle closes a connection that was idle for long enough.
func (p *Pool) closeIdle(c *conn) {
	p.mu.Lock()
	c.idle.runs = false
	if c.left || c.calls > 0 {
		p.mu.Unlock()
		return
	}
	if left := time.Until(c.idle.since.Add(p.options.IdleTimeout)); left > 0 {
		p.lookAgain(c, left)
		p.mu.Unlock()
		return
	}
	p.remove(c)
	p.mu.Unlock()
	c.close()
}

// stop ends the timer of a connection that was closed.
func (i *idle) stop() {
	if i.timer != nil {
		i.timer.Stop()
	}
}
