package backend

import (
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Circuit is the state of a circuit breaker.
type Circuit string

// The states of a circuit breaker.
const (
	Closed   Circuit = "closed"   // calls pass
	Open     Circuit = "open"     // calls are rejected
	HalfOpen Circuit = "halfOpen" // a few calls probe the backend
)

// breakerSlots is how finely the window slides.
const breakerSlots = 10

// breaker stops calls to a backend that fails anyway. Each change of state begins
// a new generation: what calls of an earlier one bring is not counted. A nil
// breaker is always closed.
type breaker struct {
	percent, minimum, probes int
	slot, openFor            time.Duration
	// slow makes an answer that took longer count as a failure; 0 for never.
	slow time.Duration

	mu         sync.Mutex
	begun      time.Time // when the first result came: slots are counted from it
	state      Circuit
	generation uint64
	until      time.Time // when it may be probed, while open
	probing    int       // probes under way
	passed     int       // probes that succeeded
	results    [breakerSlots]slotOfResults
}

// slotOfResults are those that came within one slot of time.
type slotOfResults struct {
	number        int64
	total, faults int
}

// permit is the right to one call within one generation of the breaker.
type permit struct{ generation uint64 }

// verdict is what a call says of its backend.
type verdict uint8

const (
	noVerdict verdict = iota // the call was not heard to its end
	good
	fault
	unmade // the call was never made
)

func newBreaker(c *routeconfig.CircuitBreaker) *breaker {
	if c == nil {
		return nil
	}
	return &breaker{
		percent: c.FailurePercent, minimum: c.MinimumRequests, probes: c.HalfOpenRequests,
		slot: max(time.Duration(c.Window)/breakerSlots, 1), openFor: time.Duration(c.OpenFor),
		slow: time.Duration(c.SlowerThan), state: Closed,
	}
}

// admit asks for a permit. Without one, wait is how long the circuit stays open at
// least.
func (b *breaker) admit(now time.Time) (p permit, wait time.Duration, ok bool) {
	if b == nil {
		return permit{}, 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open {
		if now.Before(b.until) {
			return permit{}, b.until.Sub(now), false
		}
		b.become(HalfOpen)
	}
	if b.state == HalfOpen {
		if b.probing+b.passed >= b.probes {
			return permit{}, 0, false
		}
		b.probing++
	}
	return permit{b.generation}, 0, true
}

// stands reports whether a permit is still of the current generation, so that its
// call may ask once more.
func (b *breaker) stands(p permit) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return p.generation == b.generation
}

// report ends a permit. Each is reported once.
func (b *breaker) report(now time.Time, p permit, v verdict) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case p.generation != b.generation:
	case b.state == HalfOpen:
		b.probed(now, v)
	case v == good, v == fault:
		b.count(now, v)
	}
}

// retract turns a success that was reported into a failure: its stream broke.
func (b *breaker) retract(now time.Time, p permit) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Closed && p.generation == b.generation {
		b.add(now, 0, 1)
	}
}

func (b *breaker) probed(now time.Time, v verdict) {
	b.probing--
	switch v {
	case fault:
		b.open(now)
	case good:
		if b.passed++; b.passed >= b.probes {
			b.become(Closed)
		}
	case noVerdict, unmade: // another call may probe
	}
}

func (b *breaker) count(now time.Time, v verdict) {
	if v == fault {
		b.add(now, 1, 1)
	} else {
		b.add(now, 1, 0)
	}
}

func (b *breaker) add(now time.Time, results, faulty int) {
	if b.begun.IsZero() {
		b.begun = now
	}
	number := stats.Spans(b.begun, now, b.slot)
	s := &b.results[number%breakerSlots]
	if s.number != number {
		*s = slotOfResults{number: number}
	}
	s.total += results
	s.faults += faulty
	var total, faults int
	for i := range b.results {
		if b.results[i].number > number-breakerSlots {
			total += b.results[i].total
			faults += b.results[i].faults
		}
	}
	if total >= b.minimum && faults*100 >= b.percent*total {
		b.open(now)
	}
}

func (b *breaker) open(now time.Time) {
	b.become(Open)
	b.until = now.Add(b.openFor)
}

func (b *breaker) become(c Circuit) {
	b.state, b.probing, b.passed = c, 0, 0
	b.generation++
	b.results = [breakerSlots]slotOfResults{}
}

// circuit is the state at a time: one that may be probed is half open.
func (b *breaker) circuit(now time.Time) Circuit {
	if b == nil {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && !now.Before(b.until) {
		return HalfOpen
	}
	return b.state
}

// judge says what an answer means to the breaker. One that was canceled tells
// nothing, unless it had been slow by then.
func (b *breaker) judge(a *fanout.Answer, took time.Duration) verdict {
	switch {
	case b == nil || a.Outcome == fanout.Rejected || a.Outcome == fanout.Skipped:
		return noVerdict
	case a.Faulty() || b.slow > 0 && took > b.slow:
		return fault
	case a.Outcome == fanout.Canceled:
		return noVerdict
	}
	return good
}
