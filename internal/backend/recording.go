package backend

import (
	"context"
	"errors"
	"maps"
	"net/http/httptrace"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// hedgeKey is in the context of an attempt that hedges another, where that is recorded.
type hedgeKey struct{}

func hedging(ctx context.Context) context.Context {
	return context.WithValue(ctx, hedgeKey{}, hedgeKey{})
}

// record has an attempt recorded, and its request marked: its fields are its own from here on.
func (e *exchange) record(ctx context.Context, w *work) (n int) {
	e.request.Header = maps.Clone(e.request.Header)
	n = w.lane.Begin(ctx.Value(hedgeKey{}) != nil, e.request.Header)
	lane := w.lane
	e.trace.GotConn = func(info httptrace.GotConnInfo) {
		e.gotConn(info)
		lane.Connected(n, info.Reused)
	}
	return n
}

// fateOf is what became of an attempt that ended with such an outcome.
func fateOf(ctx context.Context, o fanout.Outcome) fanout.Fate {
	switch cause := context.Cause(ctx); {
	case o == fanout.Succeeded:
		return fanout.FateWon
	case errors.Is(cause, errLost):
		return fanout.FateLost
	case cause != nil && !errors.Is(cause, fanout.ErrTimeout) && !errors.Is(cause, context.DeadlineExceeded):
		return fanout.FateCanceled
	}
	return fanout.FateFailed
}
