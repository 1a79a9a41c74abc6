package backend

import (
	"context"
	"errors"
	"time"

	"github.com/fanout-operator/fanout/internal/breaker"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
)

// reply is what a backend said to one request, or why it said nothing, and what that proves.
type reply struct {
	answer fanout.Answer
	token  creds.Token // the one of OAuth 2.0 that was shown, if any
	// unsent says that the backend is proved to have done nothing with the request: the
	// protocol says so, there was no connection, or a write was never even begun on it. What
	// was written on a connection that others share proves nothing.
	unsent bool
	// unprocessed says that it is the protocol that proves it.
	unprocessed bool
	// stale says that the request met a connection that had died while it was idle, and is
	// safe to repeat: nothing was sent on it, or by its method (RFC 9110, section 9.2.2).
	stale bool
	// faulty says that the last attempt came to its end and speaks against the backend, though
	// the answer may be that the call was canceled then.
	faulty bool
	// verdict is what the call says of the backend to its breaker.
	verdict breaker.Verdict
	// recorded is the attempt in the record, 0 where there is none.
	recorded int
}

// rejected is the answer of a backend that bears no more, for a time.
func rejected(reason fanout.Reason, wait time.Duration) fanout.Answer {
	return fanout.Answer{Outcome: fanout.Rejected, Reason: reason, RetryAfter: wait}
}

// overloaded is the answer of a backend that has enough to do.
func overloaded() fanout.Answer { return rejected(fanout.Overloaded, time.Second) }

// failure is the answer of an exchange that yielded no complete response.
func failure(ctx context.Context, r fanout.Reason) fanout.Answer {
	if ctx.Err() != nil {
		r = fanout.Timeout
	}
	return fanout.Answer{Outcome: fanout.Failed, Reason: r}
}

// detail is what of an error may be told: why there was no credential, or nothing.
func detail(err error) string {
	if fault, ok := errors.AsType[*creds.Fault](err); ok {
		return fault.Text
	}
	return ""
}

// ended says of an answer cut off by the end of ctx what ended it. A complete
// response stands even if time was up a moment later.
func ended(ctx context.Context, a fanout.Answer) fanout.Answer {
	if a.Outcome != fanout.Failed || ctx.Err() == nil {
		return a
	}
	if !errors.Is(context.Cause(ctx), fanout.ErrTimeout) {
		return fanout.Answer{Outcome: fanout.Canceled}
	}
	if a.Reason != fanout.Status {
		a.Reason = fanout.Timeout
	}
	return a
}
