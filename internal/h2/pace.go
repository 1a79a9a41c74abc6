package h2

import "time"

const (
	// pace is how often a connection may be made, spare how many at once. net/http holds on to
	// a connection for 5 s after it has ended (cleanup of Go 1.26: one that was closed soon
	// after its last stream), with up to 27 KiB: without a bound a server that ends each after
	// one response or at once takes all memory there is, and half of a core.
	pace  = 10 * time.Millisecond
	spare = 128
	// worth is how many calls that end well make up for a connection. Those of a server
	// that is used are not bounded.
	worth = 16
)

// budget is of connections. It belongs to the pool's lock.
type budget struct {
	due   time.Time // when all of it will be there again
	timer *time.Timer
	runs  bool
}

// spend takes a connection out.
func (b *budget) spend(now time.Time) {
	if b.due.Before(now) {
		b.due = now
	}
	b.due = b.due.Add(pace)
}

// refund gives the share of a call back.
func (b *budget) refund(share time.Duration) { b.due = b.due.Add(-share) }

// wait is how long until a connection may be made.
func (b *budget) wait(now time.Time) time.Duration { return b.due.Add(-(spare - 1) * pace).Sub(now) }

// affords reports whether a connection may be made now. Where calls wait until one may, the
// pool grows then.
func (p *Pool) affords() bool {
	wait := p.budget.wait(time.Now())
	if wait <= 0 {
		return true
	}
	if b := &p.budget; !b.runs {
		b.runs = true
		if b.timer == nil {
			b.timer = time.AfterFunc(wait, p.growAgain)
		} else {
			b.timer.Reset(wait)
		}
	}
	return false
}

func (p *Pool) growAgain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget.runs = false
	p.grow()
}
