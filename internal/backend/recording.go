package backend

import (
	"context"
	"errors"
	"maps"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// hedgeKey is in the context of an attempt that hedges another, where that is recorded.
type hedgeKey struct{}

func hedging(ctx context.Context) context.Context {
	return context.WithValue(ctx, hedgeKey{}, hedgeKey{})
}

// record has an attempt recorded, and its request marked: its fields are its own from here on.
func (e *exchange) record(w *work) {
	e.request.Header = maps.Clone(e.request.Header)
	e.lane, e.recorded = w.lane, w.lane.Begin(e.Value(hedgeKey{}) != nil, e.request.Header)
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
