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
// attempt goes on.
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
	if h.percent == 0 {
		return h.after, true
	}
	d, n := h.durations.Quantile(now, float64(h.percent)/100)
	return d, n*uint64(100-h.percent) >= 100 //nolint:gosec // 50 to 99
}

// took notes how long an attempt went, to its end or to its being canceled: losers
// left out, the percentile would sink with each hedge.
func (h *hedges) took(now time.Time, d time.Duration) {
	if h.percent > 0 {
		h.durations.Observe(now, d)
	}
}

// errLost is the cause for which the slower ones of several exchanges end.
var errLost = errors.New("another attempt was faster")

// late reports whether a request that was canceled for this had taken too long.
func late(cause error) bool {
	return errors.Is(cause, fanout.ErrTimeout) || errors.Is(cause, errLost) || errors.Is(cause, context.DeadlineExceeded)
}
