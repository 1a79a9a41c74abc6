package backend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
	"github.com/fanout-operator/fanout/internal/outgoing"
)

// reservation is the right to ask a backend once. It implements
// fanout.Reservation.
type reservation struct {
	backend  *Backend
	permit   permit
	request  outgoing.Request
	queued   bool // it has a place in the queue, and no slot yet
	attempts atomic.Int32
	deadline time.Time
	cancel   context.CancelCauseFunc // of all attempts, and of the stream
	hedges   int                     // among the attempts
	// unprocessed counts those that were repeated because they were proved unprocessed.
	unprocessed int
	used        h2.Used // the connections that attempts have taken
	// faulty says that the last attempt came to its end, and speaks against the backend.
	faulty bool
	// renewed says that the call was repeated with another token already, because of a 401.
	renewed bool
	// letDown says that the last attempt met a connection that had died.
	letDown bool
	trial   *creds.Trial // of that token, while it lasts
}

// Attempts counts the exchanges begun.
func (r *reservation) Attempts() int { return int(r.attempts.Load()) }

// Safe implements fanout.Reservation.
func (r *reservation) Safe(*fanout.Call) bool { return r.request.Safe() }

// Cancel gives the slot, the permit and the token of the limit back.
func (r *reservation) Cancel() {
	r.backend.state.unlimit()
	r.backend.state.breaker.report(time.Now(), r.permit, noVerdict)
	r.backend.state.leave(r)
}

// Do asks the backend until it has an answer that stands.
func (r *reservation) Do(
	ctx context.Context, end context.CancelCauseFunc, call *fanout.Call, decided <-chan struct{},
) fanout.Answer {
	state := r.backend.state
	r.deadline, r.cancel = time.Now().Add(r.backend.timeout), end
	timer := time.AfterFunc(r.backend.timeout, func() { end(errLate) })
	defer timer.Stop() // a response that is streamed has come by then
	if state.advance(ctx, r) != nil {
		defer r.end()
		state.unlimit()
		state.breaker.report(time.Now(), r.permit, noVerdict)
		if context.Cause(ctx) == errLate { //nolint:errorlint // our own cause, never wrapped
			return overloaded() // the queue took all the time that the backend has
		}
		return ended(ctx, failure(ctx, fanout.Timeout))
	}
	if state.multiplexed {
		ctx = h2.Avoid(ctx, &r.used)
	}
	begun := time.Now()
	state.repeats.first(begun)
	state.hedges.first(begun)
	a := r.ask(ctx, call, decided)
	now := time.Now()
	v := state.breaker.judge(&a, now.Sub(begun))
	if v == noVerdict && r.faulty {
		v = fault // it was canceled, after an attempt had failed
	}
	state.breaker.report(now, r.permit, v)
	if a.Stream == nil {
		r.end()
	}
	return a
}

// errLate ends the attempts of a backend whose own time is up.
var errLate = fmt.Errorf("the backend is late: %w", fanout.ErrTimeout)

// end gives back what an answer holds, its stream included.
func (r *reservation) end() {
	r.cancel(nil)
	r.backend.state.leave(r)
}

// ask makes attempts.
func (r *reservation) ask(ctx context.Context, call *fanout.Call, decided <-chan struct{}) fanout.Answer {
	defer func() { r.trial.End() }()
	for {
		e := r.attempt(ctx, call, decided)
		r.judge(e)
		if s, ok := e.answer.Stream.(*stream); ok {
			s.reservation = r
			e.answer.Attempts = r.Attempts()
			return e.answer
		}
		r.faulty = e.answer.Faulty() && ctx.Err() == nil
		e.end()
		if !r.repeats(ctx, e) {
			e.answer.Attempts = r.Attempts()
			return ended(ctx, e.answer)
		}
	}
}

// repeats waits until the exchange is to be repeated, if it is. The limit counts requests:
// what the backend did nothing with leaves its token to the next one, any other needs one
// more, and where there is none the answer stands.
func (r *reservation) repeats(ctx context.Context, e *exchange) bool {
	wait, again := r.again(ctx, e)
	if !again || !sleep(ctx, wait) {
		return false
	}
	return e.unsent() || r.backend.state.limited(time.Now()) == 0
}

// judge tells what the backend thinks of the token that it was shown.
func (r *reservation) judge(e *exchange) {
	switch tokens := r.backend.state.tokens; {
	case tokens == nil:
	case e.answer.Outcome == fanout.Succeeded:
		tokens.Accept(e.token)
	case e.answer.Status == http.StatusUnauthorized:
		tokens.Refuse(e.token)
	}
	r.trial.End()
}

// another waits for another token than one that the backend has refused, once a call.
func (r *reservation) another(ctx context.Context, e *exchange) bool {
	if e.answer.Status != http.StatusUnauthorized || e.token.Reveal() == "" || r.renewed {
		return false
	}
	r.trial = r.backend.state.tokens.Another(ctx, e.token)
	r.renewed = r.trial != nil
	return r.renewed
}

// attempt makes one exchange, or several where the first is late.
func (r *reservation) attempt(ctx context.Context, call *fanout.Call, decided <-chan struct{}) *exchange {
	switch {
	case r.letDown:
		ctx = h1.Fresh(ctx)
	case !r.survives():
		ctx = h1.Careful(ctx)
	}
	if after, ok := r.backend.state.hedges.delay(time.Now()); ok && r.repeatable() {
		return r.hedged(ctx, call, decided, after)
	}
	e := r.newExchange(ctx, r.backend.retry.attemptTimeout > 0)
	e.run(call)
	return e
}

// again says whether the exchange is repeated, and after which wait.
func (r *reservation) again(ctx context.Context, e *exchange) (time.Duration, bool) {
	if e.answer.Outcome != fanout.Failed || ctx.Err() != nil {
		return 0, false
	}
	if r.another(ctx, e) {
		return 0, true
	}
	if r.letDown = e.stale(); r.letDown {
		return 0, r.Attempts()-r.hedges < max(r.backend.retry.attempts, maxStale)
	}
	if e.unprocessed && r.unprocessed < maxUnprocessed {
		wait := pause(r.unprocessed)
		r.unprocessed++
		return wait, time.Until(r.deadline) > wait
	}
	wait, again := r.backend.retry.next(r.Attempts()-r.hedges-r.unprocessed, e, r.repeatable())
	if !again || time.Until(r.deadline) <= wait {
		return 0, false
	}
	state, now := r.backend.state, time.Now()
	if !e.unsent() && !state.admits(now.Add(wait)) {
		return 0, false
	}
	return wait, state.breaker.stands(r.permit) && state.repeats.spend(now)
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
	if !errors.Is(context.Cause(ctx), fanout.ErrTimeout) {
		return fanout.Answer{Outcome: fanout.Canceled, Attempts: a.Attempts}
	}
	if a.Reason != fanout.Status {
		a.Reason = fanout.Timeout
	}
	return a
}
