package rates

import (
	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// From these shares of faulty answers on a backend is Degraded, or Failing, and from this of
// late ones Slow. Once it is, it stays so down to the smaller share: what wavers about one of
// them would otherwise be told each time.
const (
	degradedShare, stillDegraded = 0.05, 0.025
	failingShare, stillFailing   = 0.5, 0.3
	slowShare, stillSlow         = 0.5, 0.3
)

const (
	// fewAnswers are enough to tell one that fails, or is slow, from one that does not.
	fewAnswers = 10
	// manyAnswers are needed to tell one in twenty: of ten answers one would already be more.
	manyAnswers = 40
)

// Judge sums up how a backend is doing, over all proxies; before is what it was. An open
// circuit says more than figures, of which there are none while nobody asks. A backend that is always too late for the
// call, and never heard to the end, is Slow: a dead one must not hide behind Any. Nothing is
// known of one that was never heard and never given the time.
//
// Whether it fails, or is slow, is judged by the shortest window with ten answers, whether it
// is degraded by the shortest but the first with forty, and by that of five minutes where
// there are fewer. So half of its answers are faults 7.5 s at most after all are, at a call a
// second or more, and 20 to 25 s after the last one none is, at two.
func Judge(b *stats.BackendReport, before v1alpha1.BackendState) v1alpha1.BackendState {
	if b.Circuit == stats.CircuitOpen || b.Circuit == stats.CircuitHalfOpen {
		return v1alpha1.BackendOpen
	}
	s := b.Standings()
	last := s.Last5m
	few, many := last, last
	for _, shorter := range [...]stats.Standing{s.Last1m, s.Last25s, s.Last15s} {
		if shorter.Asked >= fewAnswers {
			few = shorter
		}
	}
	for _, shorter := range [...]stats.Standing{s.Last1m, s.Last25s} {
		if shorter.Heard >= manyAnswers {
			many = shorter
		}
	}
	switch {
	case last.Asked == 0:
		return v1alpha1.BackendIdle
	case above(few.Late, few.Asked, before == v1alpha1.BackendSlow, slowShare, stillSlow):
		return v1alpha1.BackendSlow
	case last.Heard == 0:
		return v1alpha1.BackendIdle
	case few.Heard == 0:
		few = many
	}
	ill := before == v1alpha1.BackendDegraded || before == v1alpha1.BackendFailing || before == v1alpha1.BackendOpen
	switch {
	case reaches(few.Faulty, few.Heard, before == v1alpha1.BackendFailing, failingShare, stillFailing):
		return v1alpha1.BackendFailing
	case reaches(many.Faulty, many.Heard, ill, degradedShare, stillDegraded):
		return v1alpha1.BackendDegraded
	}
	return v1alpha1.BackendHealthy
}

// reaches reports whether n of all are a share, or still as much as is left of it.
func reaches(n, all uint64, still bool, share, left float64) bool {
	if still {
		share = left
	}
	return float64(n) >= share*float64(all)
}

// above is reaches where the share itself is not enough.
func above(n, all uint64, still bool, share, left float64) bool {
	if still {
		share = left
	}
	return float64(n) > share*float64(all)
}

// sameState reports whether two reports mean the same state, whatever it was before.
func sameState(a, b *stats.BackendReport) bool {
	for _, before := range [...]v1alpha1.BackendState{"", v1alpha1.BackendDegraded, v1alpha1.BackendFailing, v1alpha1.BackendSlow} {
		if Judge(a, before) != Judge(b, before) {
			return false
		}
	}
	return true
}
