package backend

import (
	"context"
	"fmt"
	"time"

	"github.com/fanout-operator/fanout/internal/breaker"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/tether"
)

// deadline bounds the time of a call, that in the queue included.
type deadline struct {
	next    stage
	timeout time.Duration
	alarms  tether.Alarms
}

// errLate ends the attempts of a backend whose own time is up.
var errLate = fmt.Errorf("the backend is late: %w", fanout.ErrTimeout)

// ask implements stage. What is streamed has come by then, and goes on.
func (s *deadline) ask(ctx *tether.Context, w *work) reply {
	w.deadline = time.Now().Add(s.timeout)
	defer s.alarms.Set(s.timeout, ctx, errLate).Stop()
	return s.next.ask(ctx, w)
}

// queue waits for the slot of a call, and for its turn.
type queue struct{ next stage }

// ask implements stage.
func (s *queue) ask(ctx *tether.Context, w *work) reply {
	if w.ticket.waits() {
		w.lane.Queue()
	}
	switch wait, ok := w.ticket.settle(ctx); {
	case ok && w.ticket.wait(ctx):
		w.lane.Dequeue()
		return s.next.ask(ctx, w)
	case !ok && ctx.Err() == nil:
		return reply{answer: rejected(fanout.RateLimited, wait), verdict: breaker.Unmade}
	}
	if context.Cause(ctx) == errLate { //nolint:errorlint // our own cause, never wrapped
		return reply{answer: overloaded(), verdict: breaker.Unmade} // the queue took all the time that the backend has
	}
	waited := failure(ctx, fanout.Timeout)
	waited.Cause = fanout.QueueTimeout
	return reply{answer: ended(ctx, waited), verdict: breaker.Unmade}
}

// judge says what a call means to the breaker.
type judge struct {
	next    stage
	breaker *breaker.Breaker
}

// ask implements stage. Only the backend's time counts, not that in the queue.
func (s *judge) ask(ctx *tether.Context, w *work) reply {
	begun := time.Now()
	r := s.next.ask(ctx, w)
	r.verdict = s.breaker.Judge(&r.answer, time.Since(begun))
	if r.verdict == breaker.Unheard && r.faulty {
		r.verdict = breaker.Fault // it was canceled, after an attempt had failed
	}
	return r
}
