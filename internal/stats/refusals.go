package stats

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// maxRefusals is how many reasons a report names, maxReason how long each is.
const maxRefusals, maxReason = 64, 40

// Refusals counts the requests of one route that make no call, by why. It is safe for
// concurrent use.
type Refusals struct {
	started time.Time
	reasons []string
	tallies []atomic.Pointer[Tally] // by reason, made at the first
}

// NewRefusals returns an empty Refusals for all reasons that there are.
func NewRefusals(now time.Time, reasons []string) *Refusals {
	return &Refusals{started: now, reasons: reasons, tallies: make([]atomic.Pointer[Tally], len(reasons))}
}

// Add counts one. A reason that there is not is not counted.
func (r *Refusals) Add(now time.Time, reason string) {
	i := slices.Index(r.reasons, reason)
	if i < 0 {
		return
	}
	of := &r.tallies[i]
	if of.Load() == nil {
		of.CompareAndSwap(nil, NewTally(r.started))
	}
	of.Load().Add(now)
}

// Total is the number for a reason since the start.
func (r *Refusals) Total(reason string) uint64 {
	if i := slices.Index(r.reasons, reason); i >= 0 {
		if of := r.tallies[i].Load(); of != nil {
			return of.Total()
		}
	}
	return 0
}

// Report returns what happened in the window of a status, by those reasons that did.
func (r *Refusals) Report(now time.Time) (list []RefusalReport) {
	for i, reason := range r.reasons {
		if of := r.tallies[i].Load(); of != nil {
			if n := of.Report(now, reason).Count; n > 0 {
				list = append(list, RefusalReport{reason, n})
			}
		}
	}
	return list
}

// RefusalReport says how many requests made no call for a reason within Window5m.
type RefusalReport struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// addRefusals adds another proxy's, as many as a report may name.
func addRefusals(to, from []RefusalReport) []RefusalReport {
	for i := range from {
		at := slices.IndexFunc(to, func(r RefusalReport) bool { return r.Reason == from[i].Reason })
		switch {
		case at >= 0:
			to[at].Count += from[i].Count
		case len(to) < maxRefusals:
			to = append(to, from[i])
		}
	}
	return to
}

// boundedRefusals is what a foreign report says, by words alone.
func boundedRefusals(list []RefusalReport) (out []RefusalReport) {
	for _, r := range list {
		again := slices.ContainsFunc(out, func(o RefusalReport) bool { return o.Reason == r.Reason })
		if again || !isReason(r.Reason) || len(out) == maxRefusals {
			continue
		}
		out = append(out, RefusalReport{strings.Clone(r.Reason), min(r.Count, maxCount)})
	}
	return out
}

func isReason(word string) bool {
	return word != "" && len(word) <= maxReason && !strings.ContainsFunc(word, func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' })
}

// Frequent returns reasons, the most frequent first.
func Frequent(list []RefusalReport) []RefusalReport {
	return slices.SortedFunc(slices.Values(list), func(a, b RefusalReport) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
}
