// Package writes is the budget of status writes: how often the status of a route may be
// written, and how far a figure has to move to be worth one. It is pure; everything that
// bounds what the operator writes to a status stands here.
package writes

import "time"

// A route's status may be written twice a minute on average: each write takes one from
// a bucket of six, so that the first failures of a quiet route show at once. All writes
// count but the first that speaks of an edit.
const (
	every = 30 * time.Second
	burst = 6
	// What figures leave in the bucket, for conditions that people and their tools wait
	// for; and what conditions that get better leave there: a rollout may use up the rest,
	// and the first failures come just after it.
	figuresLeave    = 3
	conditionsLeave = 1
)

const (
	// FiguresEvery is the pace at which changed figures of a route are shown.
	FiguresEvery = 30 * time.Second
	// MovedShare of the greater one is by how much a figure moves when it is worth a write.
	MovedShare = 0.25
	// MovedRate is the same of a success rate, between 0 and 1.
	MovedRate = 0.01
	// NearShare is by how much less a figure differs from that which stands in a status, and
	// stays. Texts in a status are rounded; what is left between this and MovedShare is what an
	// operator that has just started would write of every route, to tell nothing new.
	NearShare = 0.2
	// NearPercent is the same of a success rate, in percentage points.
	NearPercent = 0.9
)

// News is what a write of the status tells.
type News uint8

// The kinds of news, from what may wait longest.
const (
	Figures    News = iota // figures, counts and words
	Condition              // a condition that has become another, a backend that recovers
	Worse                  // a condition that is bad now, a backend that fails
	Generation             // of the spec, of which the status says nothing yet
)

// All are the kinds of news.
func All() []News { return []News{Figures, Condition, Worse, Generation} }

// String is the word for it.
func (n News) String() string {
	return [...]string{Figures: "figures", Condition: "condition", Worse: "worse", Generation: "generation"}[n]
}

// Bucket is the budget of one route's status. The zero value is full. It is not safe for
// concurrent use.
type Bucket struct {
	full time.Time // when it is full again
}

// Wait returns how long a write has to wait, and counts one that has not.
func (b *Bucket) Wait(tells News, now time.Time) time.Duration {
	full := b.full
	if full.Before(now) {
		full = now
	}
	room := burst
	switch tells {
	case Figures:
		room -= figuresLeave
	case Condition:
		room -= conditionsLeave
	case Worse:
	case Generation:
		// An edit fills the bucket for what becomes of it, and takes nothing: a rollout is
		// four or five writes, and the last one says that it is served (measured with three
		// for each edit: 26 s late). Edits are bounded by those who make them.
		full = now.Add(-every)
	}
	full = full.Add(every)
	if wait := full.Sub(now) - time.Duration(room)*every; wait > 0 {
		return wait
	}
	b.full = full
	return 0
}
