package backend

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// reservation is the right to ask a backend once. It implements
// fanout.Reservation.
type reservation struct {
	backend  *Backend
	limit    *rate.Reservation
	attempts atomic.Int32
	// renewed says that the token was renewed because of a 401 already.
	renewed bool
}

// Attempts counts the exchanges begun.
func (r *reservation) Attempts() int { return int(r.attempts.Load()) }

// Cancel gives the slot and the token of the limit back.
func (r *reservation) Cancel() {
	if r.limit != nil {
		r.limit.Cancel()
	}
	r.backend.state.release()
}

// Do asks the backend until it has an answer that stands.
func (r *reservation) Do(ctx context.Context, call *fanout.Call) fanout.Answer {
	defer r.backend.state.release()
	ctx, cancel := context.WithTimeoutCause(ctx, r.backend.timeout, fanout.ErrTimeout)
	defer cancel()
	for {
		e := r.attempt(ctx, call)
		if wait, again := r.again(ctx, call, e); !again || !sleep(ctx, wait) {
			e.answer.Attempts = r.Attempts()
			return ended(ctx, e.answer)
		}
	}
}

// attempt makes one exchange within its own deadline.
func (r *reservation) attempt(ctx context.Context, call *fanout.Call) *exchange {
	if limit := r.backend.retry.attemptTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fanout.ErrTimeout)
		defer cancel()
	}
	e := &exchange{backend: r.backend, attempts: &r.attempts}
	e.run(ctx, call)
	return e
}

// again says whether the exchange is repeated, and after which wait.
func (r *reservation) again(ctx context.Context, call *fanout.Call, e *exchange) (time.Duration, bool) {
	if e.answer.Outcome != fanout.Failed || ctx.Err() != nil {
		return 0, false
	}
	if e.answer.Status == 401 && e.token.Reveal() != "" && !r.renewed {
		r.renewed = true
		r.backend.state.tokens.Refuse(e.token)
		return 0, true
	}
	wait, again := r.backend.retry.next(r.Attempts(), call, e)
	if deadline, ok := ctx.Deadline(); again && ok && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, again
}

// sleep waits; it returns false when ctx ends first.
func sleep(ctx context.Context, wait time.Duration) bool {
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ended says of an answer cut off by the end of ctx what ended it. A complete
// response stands even if time was up a moment later.
func ended(ctx context.Context, a fanout.Answer) fanout.Answer {
	if a.Outcome != fanout.Failed || ctx.Err() == nil {
		return a
	}
	if context.Cause(ctx) != fanout.ErrTimeout { //nolint:errorlint // our own cause, never wrapped
		return fanout.Answer{Outcome: fanout.Canceled, Attempts: a.Attempts}
	}
	if a.Reason != fanout.Status {
		a.Reason = fanout.Timeout
	}
	return a
}
