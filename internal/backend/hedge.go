package backend

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// hedges says when a backend that is late is asked once more, while the first
// attempt goes on. A nil hedges never does.
type hedges struct {
	after   time.Duration
	percent int // the percentile of the backend's own durations, instead of after
	max     int
	budget  *budget

	durations         stats.Recent
	sent, won, wasted atomic.Uint64
}

func newHedges(c *routeconfig.Hedge) *hedges {
	if c == nil {
		return nil
	}
	return &hedges{
		after: time.Duration(c.Delay), percent: c.Percentile, max: c.Max,
		budget: &budget{percent: c.BudgetPercent},
	}
}

// delay is how long an attempt may take before it is hedged; ok is false while
// there is no way to know.
func (h *hedges) delay(now time.Time) (d time.Duration, ok bool) {
	if h == nil {
		return 0, false
	}
	if h.percent == 0 {
		return h.after, true
	}
	d, n := h.durations.Quantile(now, float64(h.percent)/100)
	return d, n*uint64(100-h.percent) >= 100 //nolint:gosec // 50 to 99
}

// first counts an attempt that may be hedged.
func (h *hedges) first(now time.Time) {
	if h != nil {
		h.budget.first(now)
	}
}

// took notes how long an exchange went, to its end or to its being canceled: losers
// left out, the percentile would sink with each hedge.
func (h *hedges) took(now time.Time, d time.Duration) {
	if h != nil && h.percent > 0 {
		h.durations.Observe(now, d)
	}
}

// errLost is the cause for which the slower ones of several exchanges end.
var errLost = errors.New("another attempt was faster")

// heat is one attempt and its hedges: exchanges with the same backend at once, of
// which one answer stands.
type heat struct {
	reservation *reservation
	call        *fanout.Call
	begun       []*exchange // the first attempt, then its hedges
	ended       chan *exchange
	running     int
}

// hedged makes an attempt, and hedges it where it is late.
func (r *reservation) hedged(ctx context.Context, call *fanout.Call, decided <-chan struct{}, after time.Duration) *exchange {
	h := r.backend.state.hedges
	t := &heat{reservation: r, call: call, ended: make(chan *exchange, 1+h.max)}
	t.start(ctx)
	timer := time.NewTimer(after)
	defer timer.Stop()
	for {
		select {
		case e := <-t.ended:
			t.running--
			if t.running == 0 || r.backend.definitive(&e.answer) {
				return t.settle(e)
			}
			r.backend.state.release()
		case <-timer.C:
			if r.mayHedge() {
				t.start(ctx)
				r.hedges++
				h.sent.Add(1)
			}
			if len(t.begun) <= h.max {
				timer.Reset(max(after, time.Millisecond))
			}
		case <-decided: // hedges stop: nobody waits for this answer any more
			decided = nil
			timer.Stop()
		}
	}
}

// definitive reports whether an answer is one that another attempt would not change: a
// success, or what the backend says for sure.
func (b *Backend) definitive(a *fanout.Answer) bool {
	switch a.Reason {
	case fanout.NoReason, fanout.TooLarge, fanout.Uncombinable:
		return true
	case fanout.Status:
		return !b.retry.covers(a)
	default:
		return false
	}
}

// mayHedge takes what a hedge takes: a token of the limit, a slot until one of the
// exchanges has ended, and its part of the budget.
func (r *reservation) mayHedge() bool {
	state, now := r.backend.state, time.Now()
	if !state.breaker.stands(r.permit) || !state.spare(now) {
		return false
	}
	if !state.hedges.budget.spend(now) {
		state.unlimit()
		state.release()
		return false
	}
	return true
}

// start begins an exchange of its own.
func (t *heat) start(ctx context.Context) {
	e := t.reservation.newExchange(ctx, true)
	t.begun = append(t.begun, e)
	t.running++
	go func() {
		e.run(t.call)
		t.ended <- e
	}()
}

// settle ends the exchanges that lost, and waits for them. Where all have failed,
// it is the first attempt that counts.
func (t *heat) settle(e *exchange) *exchange {
	if !t.reservation.backend.definitive(&e.answer) {
		e = t.begun[0]
	}
	for _, other := range t.begun {
		if other != e {
			other.cancel(errLost)
		}
	}
	for ; t.running > 0; t.running-- {
		if s, ok := (<-t.ended).answer.Stream.(*stream); ok { // it lost by a moment
			_ = s.response.Body.Close()
		}
		t.reservation.backend.state.release()
	}
	h, lost := t.reservation.backend.state.hedges, uint64(len(t.begun)-1) //nolint:gosec // 0 to 3
	if e != t.begun[0] {
		h.won.Add(1)
		lost--
	}
	h.wasted.Add(lost)
	return e
}
