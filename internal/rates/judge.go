package rates

import (
	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// From these shares of faulty answers on a backend is Degraded, or Failing.
const (
	degradedShare = 0.05
	failingShare  = 0.5
	slowShare     = 0.5
)

// Judge sums up how a backend is doing, over all proxies. An open circuit says more
// than figures, of which there are none while nobody asks. A backend that is always too late for the
// call, and never heard to the end, is Slow: a dead one must not hide behind Any. Nothing is
// known of one that was never heard and never given the time.
func Judge(b *stats.BackendReport) v1alpha1.BackendState {
	if b.Circuit == stats.CircuitOpen || b.Circuit == stats.CircuitHalfOpen {
		return v1alpha1.BackendOpen
	}
	a := b.Windows[Window].Answers
	heard := a.Succeeded + a.FailedTotal()
	asked := heard + a.Canceled
	switch {
	case asked == 0:
		return v1alpha1.BackendIdle
	case float64(a.Late) > slowShare*float64(asked):
		return v1alpha1.BackendSlow
	case heard == 0:
		return v1alpha1.BackendIdle
	}
	switch faulty := float64(a.Faulty) / float64(heard); {
	case faulty >= failingShare:
		return v1alpha1.BackendFailing
	case faulty >= degradedShare:
		return v1alpha1.BackendDegraded
	}
	return v1alpha1.BackendHealthy
}
