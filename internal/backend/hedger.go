package backend

import (
	"context"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/tether"
)

// hedger asks once more, or a few times, beside an attempt that is late.
type hedger struct {
	next   stage
	hedges *hedges
	retry  *retry
}

// ask implements stage.
func (s *hedger) ask(ctx *tether.Context, w *work) reply {
	now := time.Now()
	if w.sent() == 0 {
		s.hedges.budget.first(now)
	}
	if after, ok := s.hedges.delay(now); ok && w.request.Repeatable(s.retry.methods) {
		return s.race(ctx, w, after)
	}
	return s.timed(ctx, w)
}

// timed makes one attempt, and notes how long it took.
func (s *hedger) timed(ctx *tether.Context, w *work) reply {
	begun := time.Now()
	r := s.next.ask(ctx, w)
	now := time.Now()
	s.hedges.took(now, now.Sub(begun))
	return r
}

// heat is one attempt and its hedges: requests to the same backend at once, of which one
// reply stands.
type heat struct {
	stage   *hedger
	work    *work
	begun   []*lane // the first attempt, then its hedges
	ended   chan *lane
	running int
	wanted  <-chan allowance // whether another hedge may be made; nil where nobody asks
}

// lane is one of them.
type lane struct {
	ctx   *tether.Context
	reply reply
}

// race makes an attempt, and hedges it where it is late.
func (s *hedger) race(ctx *tether.Context, w *work, after time.Duration) reply {
	t := &heat{stage: s, work: w, ended: make(chan *lane, 1+s.hedges.max)}
	t.start(ctx)
	timer := time.NewTimer(after)
	defer timer.Stop()
	decided, stopped := w.decided, false
	for {
		select {
		case l := <-t.ended:
			t.running--
			if t.running == 0 || s.retry.definitive(&l.reply.answer) {
				t.forgo()
				return t.settle(l)
			}
			w.ticket.release()
		case <-timer.C:
			t.want(ctx)
		case got := <-t.wanted:
			t.wanted = nil
			if stopped {
				got.giveBack(&w.ticket)
				continue
			}
			if got.ok {
				t.start(ctx)
				w.hedges++
				s.hedges.sent.Add(1)
			}
			if !stopped && len(t.begun) <= s.hedges.max {
				timer.Reset(max(after, time.Millisecond))
			}
		case <-decided: // hedges stop: nobody waits for this answer any more
			decided, stopped = nil, true
			timer.Stop()
		}
	}
}

// allowance is what one hedge takes, if it may be made.
type allowance struct {
	from held
	ok   bool
}

// want asks whether another hedge may be made. Where the limit is counted elsewhere that takes
// a while, and an answer that comes meanwhile does not wait for it.
func (t *heat) want(ctx context.Context) {
	wanted := make(chan allowance, 1)
	t.wanted = wanted
	if t.work.ticket.shared == nil {
		wanted <- t.stage.mayHedge(ctx, t.work)
		return
	}
	go func() { wanted <- t.stage.mayHedge(ctx, t.work) }()
}

// forgo gives back what the hedge takes that is still asked for.
func (t *heat) forgo() {
	if t.wanted == nil {
		return
	}
	if t.work.ticket.shared == nil {
		(<-t.wanted).giveBack(&t.work.ticket)
		return
	}
	ticket, wanted := t.work.ticket, t.wanted // a copy: the call ends before
	go func() { (<-wanted).giveBack(&ticket) }()
}

func (a allowance) giveBack(t *ticket) {
	if a.ok {
		t.unlimit(a.from)
		t.release()
	}
}

// mayHedge takes what a hedge takes: a token of the limit, a slot until one of the
// exchanges has ended, and its part of the budget.
func (s *hedger) mayHedge(ctx context.Context, w *work) allowance {
	now := time.Now()
	if !w.ticket.stands() {
		return allowance{}
	}
	from, ok := w.ticket.spare(ctx, now)
	if ok && !s.hedges.budget.spend(now) {
		allowance{from, true}.giveBack(&w.ticket)
		ok = false
	}
	return allowance{from, ok}
}

// start makes an attempt with a context of its own.
func (t *heat) start(ctx *tether.Context) {
	var values context.Context = ctx
	if t.work.lane != nil && len(t.begun) > 0 {
		values = hedging(ctx)
	}
	l := &lane{ctx: ctx.Branch(values)}
	t.begun = append(t.begun, l)
	t.running++
	go func() {
		l.reply = t.stage.timed(l.ctx, t.work)
		t.ended <- l
	}()
}

// settle ends the attempts that lost, and waits for them. Where all have failed, it is the
// first one that counts.
func (t *heat) settle(l *lane) reply {
	if !t.stage.retry.definitive(&l.reply.answer) {
		l = t.begun[0]
	}
	for _, other := range t.begun {
		if other != l {
			other.ctx.End(errLost)
		}
	}
	for ; t.running > 0; t.running-- {
		other := &(<-t.ended).reply
		if s, ok := other.answer.Stream.(*stream); ok { // it lost by a moment
			s.discard()
		}
		if other.answer.Outcome == fanout.Succeeded {
			t.work.lane.Lose(other.recorded)
		}
		t.work.ticket.release()
	}
	if l.reply.answer.Stream == nil {
		l.ctx.End(nil)
	}
	h, lost := t.stage.hedges, uint64(len(t.begun)-1) //nolint:gosec // 0 to 3
	if l != t.begun[0] {
		h.won.Add(1)
		lost--
	}
	h.wasted.Add(lost)
	return l.reply
}
