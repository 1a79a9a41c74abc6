package h2

import (
	"context"
	"slices"
	"time"
)

const (
	// slowDial is how long a dial may take before calls no longer count on it, nor insist on
	// another connection than they have used. A SYN to a dead endpoint is lost, and a node
	// may accept and say nothing; the next dial may well meet another one.
	slowDial = 500 * time.Millisecond
	// maxSlow bounds the dials that are slow at a time. For the next one the oldest is given
	// up, but not before endDial: what was only to be secured, or to say its settings, has
	// failed by then, and says why.
	maxSlow = 16
	endDial = 15 * time.Second
)

// making is a connection that is being made.
type making struct {
	n      int // of the pool's
	begun  time.Time
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
	slow   bool
}

// grow dials for the calls that wait: one connection until it is known how many calls one
// takes, then as many as they need. Where it cannot, those that avoid the connections that
// there are avoid them no longer.
func (p *Pool) grow() {
	for p.open < p.options.MaxConnections && p.dialing*p.each < len(p.waiting) && (p.dialing == 0 || p.each > 0) {
		if len(p.makings)-p.dialing >= maxSlow {
			if oldest := p.makings[0]; time.Since(oldest.begun) >= endDial {
				oldest.cancel() // it grows when that has ended
			}
			break
		}
		if !p.affords() {
			break
		}
		go p.dial(p.make())
	}
	if p.dialing == 0 {
		p.relieve(func(*waiter) bool { return true })
	}
}

// make counts a connection in.
func (p *Pool) make() *making {
	p.open++
	p.dialing++
	p.made++
	p.budget.spend(time.Now())
	m := &making{n: p.made, begun: time.Now()}
	m.ctx, m.cancel = context.WithCancel(p.dials)
	m.timer = time.AfterFunc(slowDial, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !slices.Contains(p.makings, m) {
			return
		}
		p.slow(m)
		p.relieve(func(w *waiter) bool { return w.before < m.n })
		p.grow()
		m.timer.Reset(endDial - slowDial)
	})
	p.makings = append(p.makings, m)
	return m
}

// slow counts on a dial no longer.
func (p *Pool) slow(m *making) {
	if !m.slow {
		m.slow = true
		p.dialing--
	}
}

// over counts a dial out that has ended.
func (p *Pool) over(m *making) {
	m.timer.Stop()
	m.cancel()
	if !m.slow {
		p.dialing--
	}
	p.makings = slices.DeleteFunc(p.makings, func(other *making) bool { return other == m })
}

// relieve gives those who have waited long enough any connection that takes them.
func (p *Pool) relieve(enough func(*waiter) bool) {
	for i := 0; i < len(p.waiting); {
		w := p.waiting[i]
		if !enough(w) {
			i++
			continue
		}
		c := p.find(func(*conn) bool { return true })
		if c == nil {
			return
		}
		p.waiting = slices.Delete(p.waiting, i, i+1)
		w.give(c)
	}
}

// await lets a call wait. A further attempt does not count on the dials that the one before
// it has waited for.
func (p *Pool) await(used *Used) *waiter {
	for _, m := range p.makings {
		if used.awaits(m) {
			p.slow(m)
		}
	}
	w := &waiter{used: used, ready: make(chan struct{}), before: p.made}
	p.waiting = append(p.waiting, w)
	p.grow()
	used.await(p.makings)
	return w
}
