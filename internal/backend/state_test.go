package backend

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// K6: at each edge of the schema as many calls go at once as the limit says, the next
// one after the wait that the refusal names, and the rate is what was written.
func TestK6EdgesOfABackendsLimit(t *testing.T) {
	t.Parallel()
	for _, requests := range []int{1, 7, 600_000, 1_000_000} {
		for _, per := range []time.Duration{time.Millisecond, time.Second, 24 * time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				limit := &routeconfig.RateLimit{Requests: requests, Per: testkit.Span(per), Burst: requests}
				b, _ := newBackend(t, routeconfig.Backend{RateLimit: limit})
				want := float64(requests) / per.Seconds()
				if got := float64(b.state.limiter.Limit()); math.Abs(got/want-1) > 1e-9 {
					t.Errorf("%d in %v are %g a second, want %g", requests, per, got, want)
				}
				admitted := 0
				for admitted <= requests {
					if r, _ := b.state.admit(); r == nil {
						break
					}
					admitted++
				}
				_, refusal := b.state.admit()
				if longest := per/time.Duration(requests) + 1; admitted != requests || refusal.RetryAfter > longest || refusal.RetryAfter <= 0 && longest > 2 {
					t.Errorf("%d in %v: %d at once, then a wait of %v", requests, per, admitted, refusal.RetryAfter)
				}
				time.Sleep(refusal.RetryAfter + 1)
				if r, _ := b.state.admit(); r == nil {
					t.Errorf("%d in %v: refused after the wait", requests, per)
				}
			})
		}
	}
}
