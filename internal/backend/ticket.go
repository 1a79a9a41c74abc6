package backend

import (
	"context"
	"time"

	"github.com/fanout-operator/fanout/internal/breaker"
	"github.com/fanout-operator/fanout/internal/fanout"
)

// ticket is what the limits gave one call: the breaker's permit, a slot or a place in the
// queue for one, and a token of the rate. All of it is given back by end, once.
type ticket struct {
	*limits

	permit breaker.Permit
	place  place
	held   held      // where the token of the rate is from
	open   bool      // it is to be taken yet, where it is counted with other proxies
	due    time.Time // of the token, where it has to be waited for
	unsent bool      // the last attempt was: who could not be asked counts nothing
	heard  bool      // the breaker knows what the call says of its backend
}

// admit takes what the backend limits, or says what was lacking. What is counted with other
// proxies stays open, so that it is taken for all backends of a call at once.
func (l *limits) admit() (t ticket, refusal fanout.Answer, ok bool) {
	now := time.Now()
	t.limits = l
	var wait time.Duration
	if t.permit, wait, ok = l.breaker.Admit(now); !ok {
		return t, rejected(fanout.CircuitOpen, max(wait, time.Second)), false
	}
	if t.place = l.enter(); t.place == outside {
		t.end(now, breaker.Unheard)
		return t, overloaded(), false
	}
	if t.open = l.shared != nil; t.open {
		return t, fanout.Answer{}, true
	}
	if wait, ok = l.own(now, l.timeout); !ok {
		t.end(now, breaker.Unheard)
		return t, rejected(fanout.RateLimited, wait), false
	}
	t.hold(now, here, wait)
	return t, fanout.Answer{}, true
}

// hold notes a token, and how long it has to be waited for.
func (t *ticket) hold(now time.Time, from held, wait time.Duration) {
	t.held, t.open = from, false
	if wait > 0 {
		t.due = now.Add(wait)
	}
}

// waits reports whether it is not the call's turn yet, as far as is known here.
func (t *ticket) waits() bool { return !t.due.IsZero() || t.place == inQueue || t.open }

// wait waits for the token, and for the slot that a place in the queue is for. It returns
// false when ctx ends first.
func (t *ticket) wait(ctx context.Context) bool {
	if !t.due.IsZero() && !sleep(ctx, time.Until(t.due)) {
		return false
	}
	if t.place != inQueue {
		return true
	}
	if !t.slots.take(ctx) {
		return false
	}
	t.queued.Add(-1)
	t.place = inSlot
	return true
}

// again takes a token for one request more, and waits for it where the limit says so.
func (t *ticket) again(ctx context.Context, deadline time.Time) bool {
	from, wait, ok := t.token(ctx, time.Now(), time.Until(deadline))
	if !ok {
		return false
	}
	if wait > 0 && !sleep(ctx, wait) {
		t.unlimit(from)
		return false
	}
	t.held = from
	return true
}

// stands reports whether the circuit is as it was when the call was admitted, so that one
// request more may be made for it.
func (t *ticket) stands() bool { return t.breaker.Stands(t.permit) }

// hear tells the breaker early what a call says that goes on, as a stream does.
func (t *ticket) hear(now time.Time, v breaker.Verdict) {
	t.breaker.Report(now, t.permit, v)
	t.heard = true
}

// end gives everything back, with what the call says of its backend in the end. A call that
// was never made leaves its token of the rate to the next one.
func (t *ticket) end(now time.Time, v breaker.Verdict) {
	if v == breaker.Unmade || t.unsent {
		t.unlimit(t.held)
	}
	switch {
	case !t.heard:
		t.breaker.Report(now, t.permit, v)
	case v == breaker.Fault:
		t.breaker.Retract(now, t.permit)
	}
	switch t.place {
	case inQueue:
		t.queued.Add(-1)
	case inSlot:
		t.release()
	case outside:
	}
}
