package stats

import (
	"slices"
	"sync/atomic"
	"time"
)

// maxReported is how many rules a report names: those of a spec, and some more.
const maxReported = 24

// Tally counts how often something happened. It is safe for concurrent use.
type Tally struct {
	started time.Time
	recent  [slots]atomic.Pointer[tick]
	all     atomic.Uint64
}

// tick counts within one slot of the window that a status shows.
type tick struct {
	number int64
	n      atomic.Uint64
}

// NewTally returns an empty Tally.
func NewTally(now time.Time) *Tally { return &Tally{started: now} }

// Add counts one.
func (t *Tally) Add(now time.Time) {
	t.all.Add(1)
	number := Spans(t.started, now, windows()[fiveMinutes].slot)
	place := &t.recent[number%slots]
	for {
		current := place.Load()
		if current != nil && current.number >= number {
			current.n.Add(1)
			return
		}
		place.CompareAndSwap(current, &tick{number: number})
	}
}

// Total is the number since the start.
func (t *Tally) Total() uint64 { return t.all.Load() }

// Report returns what happened in the window of a status.
func (t *Tally) Report(now time.Time, rule string) RuleReport {
	width, age := windows()[fiveMinutes].slot, max(now.Sub(t.started), 0)
	current, covered := int64(age/width), (slots-1)*width+age%width
	r := RuleReport{Rule: rule, Seconds: min(covered, max(age, time.Second)).Seconds()}
	for i := range t.recent {
		if s := t.recent[i].Load(); s != nil && s.number <= current && s.number > current-slots {
			r.Count += s.n.Load()
		}
	}
	return r
}

// RuleReport says how many calls a rule would have refused within Window5m.
type RuleReport struct {
	Rule    string  `json:"rule"`
	Seconds float64 `json:"seconds"`
	Count   uint64  `json:"count"`
}

// addReported adds another proxy's rules, as many as a report may name.
func addReported(to, from []RuleReport) []RuleReport {
	for i := range from {
		at := slices.IndexFunc(to, func(r RuleReport) bool { return r.Rule == from[i].Rule })
		switch {
		case at >= 0:
			to[at].Count += from[i].Count
			to[at].Seconds = max(to[at].Seconds, from[i].Seconds)
		case len(to) < maxReported:
			to = append(to, from[i])
		}
	}
	return to
}

// reported is what a foreign report says of rules that the route's spec names, each once.
func (b *RouteBounds) reported(list []RuleReport) (out []RuleReport) {
	five := windows()[fiveMinutes]
	for _, r := range list {
		again := slices.ContainsFunc(out, func(o RuleReport) bool { return o.Rule == r.Rule })
		known := b.Rules[r.Rule]
		if b.Rules == nil {
			known = r.Rule != "" && ofSecret(r.Rule)
		}
		if again || !known || len(out) == maxReported {
			continue
		}
		out = append(out, RuleReport{Rule: cut(r.Rule, maxKey), Seconds: five.seconds(r.Seconds), Count: min(r.Count, maxCount)})
	}
	return out
}
