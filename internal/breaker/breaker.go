// Package breaker stops calls to a backend that fails anyway, and lets a few through in time to
// see whether it still does.
package breaker

import (
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// slots is how finely the window slides.
const slots = 10

// Breaker is the circuit of one backend. Each change of state begins
// a new generation: what calls of an earlier one bring is not counted. A nil
// Breaker is always closed. It is safe for concurrent use.
type Breaker struct {
	percent, minimum, probes int
	slot, openFor            time.Duration
	// slow makes an answer that took longer count as a failure; 0 for never.
	slow time.Duration

	mu         sync.Mutex
	begun      time.Time // when the first result came: slots are counted from it
	state      stats.Circuit
	generation uint64
	until      time.Time // when it may be probed, while open
	probing    int       // probes under way
	passed     int       // probes that succeeded
	results    [slots]slot
}

// slot are those that came within one slot of time.
type slot struct {
	number        int64
	total, faults int
}

// Permit is the right to one call within one generation of the breaker.
type Permit struct{ generation uint64 }

// Verdict is what a call says of its backend.
type Verdict uint8

// The verdicts of a call.
const (
	Unheard Verdict = iota // the call was not heard to its end
	Good
	Fault
	Unmade // the call was never made
)

// New returns a closed Breaker, or nil for none.
func New(c *routeconfig.CircuitBreaker) *Breaker {
	if c == nil {
		return nil
	}
	return &Breaker{
		percent: c.FailurePercent, minimum: c.MinimumRequests, probes: c.HalfOpenRequests,
		slot: max(time.Duration(c.Window)/slots, 1), openFor: time.Duration(c.OpenFor),
		slow: time.Duration(c.SlowerThan), state: stats.CircuitClosed,
	}
}

// Admit asks for a permit. Without one, wait is how long the circuit stays open at
// least.
func (b *Breaker) Admit(now time.Time) (p Permit, wait time.Duration, ok bool) {
	if b == nil {
		return Permit{}, 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == stats.CircuitOpen {
		if now.Before(b.until) {
			return Permit{}, b.until.Sub(now), false
		}
		b.become(stats.CircuitHalfOpen)
	}
	if b.state == stats.CircuitHalfOpen {
		if b.probing+b.passed >= b.probes {
			return Permit{}, 0, false
		}
		b.probing++
	}
	return Permit{b.generation}, 0, true
}

// Stands reports whether a permit is still of the current generation, so that its
// call may ask once more.
func (b *Breaker) Stands(p Permit) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return p.generation == b.generation
}

// Report ends a permit. Each is reported once.
func (b *Breaker) Report(now time.Time, p Permit, v Verdict) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case p.generation != b.generation:
	case b.state == stats.CircuitHalfOpen:
		b.probed(now, v)
	case v == Good, v == Fault:
		b.count(now, v)
	}
}

// Retract turns a success that was reported into a failure: its stream broke.
func (b *Breaker) Retract(now time.Time, p Permit) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == stats.CircuitClosed && p.generation == b.generation {
		b.add(now, 0, 1)
	}
}

func (b *Breaker) probed(now time.Time, v Verdict) {
	b.probing--
	switch v {
	case Fault:
		b.open(now)
	case Good:
		if b.passed++; b.passed >= b.probes {
			b.become(stats.CircuitClosed)
		}
	case Unheard, Unmade: // another call may probe
	}
}

func (b *Breaker) count(now time.Time, v Verdict) {
	if v == Fault {
		b.add(now, 1, 1)
	} else {
		b.add(now, 1, 0)
	}
}

func (b *Breaker) add(now time.Time, results, faulty int) {
	if b.begun.IsZero() {
		b.begun = now
	}
	number := stats.Spans(b.begun, now, b.slot)
	s := &b.results[number%slots]
	if s.number != number {
		*s = slot{number: number}
	}
	s.total += results
	s.faults += faulty
	var total, faults int
	for i := range b.results {
		if b.results[i].number > number-slots {
			total += b.results[i].total
			faults += b.results[i].faults
		}
	}
	if total >= b.minimum && faults*100 >= b.percent*total {
		b.open(now)
	}
}

func (b *Breaker) open(now time.Time) {
	b.become(stats.CircuitOpen)
	b.until = now.Add(b.openFor)
}

func (b *Breaker) become(c stats.Circuit) {
	b.state, b.probing, b.passed = c, 0, 0
	b.generation++
	b.results = [slots]slot{}
}

// Circuit is the state at a time: one that may be probed is half open.
func (b *Breaker) Circuit(now time.Time) stats.Circuit {
	if b == nil {
		return stats.NoCircuit
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == stats.CircuitOpen && !now.Before(b.until) {
		return stats.CircuitHalfOpen
	}
	return b.state
}

// Judge says what an answer means to the breaker. One that was canceled tells
// nothing, unless it had been slow by then.
func (b *Breaker) Judge(a *fanout.Answer, took time.Duration) Verdict {
	switch {
	case b == nil || a.Outcome == fanout.Rejected || a.Outcome == fanout.Skipped:
		return Unheard
	case a.Faulty() || b.slow > 0 && took > b.slow:
		return Fault
	case a.Outcome == fanout.Canceled:
		return Unheard
	}
	return Good
}
