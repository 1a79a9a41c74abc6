package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
)

// A route's status may be written twice a minute on average: each write takes one from
// a bucket of six, so that the first failures of a quiet route show at once. All writes
// count but the first that speaks of an edit.
const (
	writeEvery = 30 * time.Second
	writeBurst = 6
	// What figures leave in the bucket, for conditions that people and their tools wait
	// for; and what conditions that get better leave there: a rollout may use up the rest,
	// and the first failures come just after it.
	figuresLeave    = 3
	conditionsLeave = 1
)

// news is what a write of the status tells.
type news uint8

const (
	figures    news = iota // figures, counts and words
	condition              // a condition that has become another
	worse                  // a condition that is bad now, a backend that fails
	generation             // of the spec, of which the status says nothing yet
)

// toldBy says what a status tells beyond the one that is there.
func toldBy(status, before *v1alpha1.FanoutRouteStatus) news {
	switch {
	case report.Told(status) != report.Told(before):
		return generation
	case report.Worse(status, before):
		return worse
	case !report.SameConditions(status, before):
		return condition
	}
	return figures
}

// writes is the budget of status writes of each route. It is safe for concurrent use.
type writes struct {
	mu   sync.Mutex
	full map[types.NamespacedName]time.Time // when the bucket is full again
}

// wait returns how long a write has to wait, and counts one that has not.
func (w *writes) wait(route types.NamespacedName, tells news, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	full := w.full[route]
	if full.Before(now) {
		full = now
	}
	room := writeBurst
	switch tells {
	case figures:
		room -= figuresLeave
	case condition:
		room -= conditionsLeave
	case worse:
	case generation:
		// An edit fills the bucket for what becomes of it, and takes nothing: a rollout is
		// four or five writes, and the last one says that it is served (measured with three
		// for each edit: 26 s late). Edits are bounded by those who make them.
		full = now.Add(-writeEvery)
	}
	full = full.Add(writeEvery)
	if wait := full.Sub(now) - time.Duration(room)*writeEvery; wait > 0 {
		return wait
	}
	if w.full == nil {
		w.full = map[types.NamespacedName]time.Time{}
	}
	w.full[route] = full
	return 0
}

func (w *writes) forget(route types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.full, route)
}
