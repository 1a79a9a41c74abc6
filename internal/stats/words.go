package stats

import (
	"slices"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// The words of a Report. Whoever writes, reads or shows one uses these types, so that a
// word is spelt in one place; a word that is not among them comes from a newer proxy.

// Reason says why an answer failed or was rejected: the word of a fanout.Reason, or Other.
type Reason string

// Other stands for all words that only a newer proxy can mean: what failed has failed,
// whatever it is called.
const Other Reason = "other"

// ReasonOf is the word of a reason.
func ReasonOf(r fanout.Reason) Reason { return Reason(r.String()) }

// isWord reports whether a word is one for why an answer failed or was rejected, but Other.
func (r Reason) isWord() bool {
	for of := fanout.NoReason + 1; of < fanout.Reason(fanout.Reasons); of++ {
		if ReasonOf(of) == r {
			return true
		}
	}
	return false
}

// Reasons are the words for why an answer has an outcome; none where it needs no reason.
func Reasons(outcome fanout.Outcome) (list []Reason) {
	for r := fanout.NoReason + 1; r < fanout.Reason(fanout.Reasons); r++ {
		if outcome == fanout.Failed && r < fanout.RateLimited || outcome == fanout.Rejected && r >= fanout.RateLimited {
			list = append(list, ReasonOf(r))
		}
	}
	return list
}

// Cause says more of why an answer failed: the word of a fanout.Cause.
type Cause string

// causeOf is the word of a cause.
func causeOf(c fanout.Cause) Cause { return Cause(c.String()) }

// isWord reports whether a word is one for it.
func (c Cause) isWord() bool {
	for of := fanout.NoCause + 1; of < fanout.Cause(fanout.Causes); of++ {
		if causeOf(of) == c {
			return true
		}
	}
	return false
}

// Circuit is the state of a backend's circuit breaker.
type Circuit string

// The states of a circuit breaker.
const (
	NoCircuit       Circuit = ""         // the backend has no breaker
	CircuitClosed   Circuit = "closed"   // calls pass
	CircuitHalfOpen Circuit = "halfOpen" // a few calls probe the backend
	CircuitOpen     Circuit = "open"     // calls are rejected
)

// Circuits are the states, the worst last; the first is that of a backend without one.
func Circuits() []Circuit { return []Circuit{NoCircuit, CircuitClosed, CircuitHalfOpen, CircuitOpen} }

// Comparison says how the answer of a shadow stands to that of its reference.
type Comparison string

// The results of a comparison.
const (
	Same             Comparison = "same"
	DifferentOutcome Comparison = "outcome"
	DifferentBody    Comparison = "body"
	Incomparable     Comparison = "incomparable" // the reference had none in time
)

// isWord reports whether a word is one of them.
func (c Comparison) isWord() bool { return slices.Contains(Comparisons(), c) }

// Comparisons are the results that there are.
func Comparisons() []Comparison {
	return []Comparison{Same, DifferentOutcome, DifferentBody, Incomparable}
}
