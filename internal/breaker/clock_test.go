package breaker

import (
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// K7: what the breaker counted while the wall clock was ahead leaves its window in time.
func TestK7BreakerOutlivesAWallClockThatIsSetRight(t *testing.T) {
	t.Parallel()
	b := New(&routeconfig.CircuitBreaker{
		FailurePercent: 50, MinimumRequests: 3, Window: testkit.Span(30 * time.Second), OpenFor: testkit.Span(time.Minute), HalfOpenRequests: 1,
	})
	begun := time.Now()
	b.Report(testkit.Ahead(begun, 6*time.Minute+3*time.Second), Permit{}, Fault)
	b.Report(testkit.Ahead(begun.Add(time.Second), 6*time.Minute+3*time.Second), Permit{}, Fault)
	b.Report(begun.Add(time.Minute), Permit{}, Fault)
	if b.state != stats.CircuitClosed {
		t.Errorf("after one fault in a window of 30 s the breaker is %s, want closed", b.state)
	}
}

// K7: the same for a clock that is set forth: the results before count on.
func TestK7BreakerOutlivesAWallClockThatIsSetForth(t *testing.T) {
	t.Parallel()
	b := New(&routeconfig.CircuitBreaker{
		FailurePercent: 50, MinimumRequests: 2, Window: testkit.Span(30 * time.Second), OpenFor: testkit.Span(time.Minute), HalfOpenRequests: 1,
	})
	begun := time.Now()
	b.Report(begun, Permit{}, Fault)
	b.Report(testkit.Ahead(begun.Add(time.Second), 6*time.Minute), Permit{}, Fault)
	if b.state != stats.CircuitOpen {
		t.Errorf("after 2 faults within a second the breaker is %s, want open", b.state)
	}
}
