package stats

import (
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// countRefused is the counter of calls that were never dispatched; those of the
// others are their fanout.CallOutcome.
const countRefused = fanout.CallOutcomes

// Route counts the calls of one route.
type Route struct{ series *series }

// NewRoute returns an empty Route.
func NewRoute(now time.Time) *Route { return &Route{series: newSeries(now)} }

// Record counts a dispatched call; elapsed runs from its arrival to its response.
func (r *Route) Record(now time.Time, outcome fanout.CallOutcome, elapsed time.Duration) {
	s := r.series.at(now)
	s.count(int(outcome), 1)
	if outcome != fanout.ClientClosed {
		s.observe(elapsed)
	}
}

// Refuse counts a call that was refused on the way in.
func (r *Route) Refuse(now time.Time) { r.series.at(now).count(countRefused, 1) }

// Windows returns the route's windows for a Report, those of these names, or all where there are
// none.
func (r *Route) Windows(now time.Time, of ...string) (calls Windows[CallsWindow]) {
	for i, w := range windows() {
		if !w.among(of) {
			continue
		}
		total, seconds := r.series.sum(now, i)
		calls.Set(w.name, CallsWindow{Seconds: seconds, Calls: total.calls(), Duration: total.histogram()})
	}
	return calls
}

// Total returns the calls and their durations since the start.
func (r *Route) Total() (Calls, Histogram) {
	total := r.series.total()
	return total.calls(), total.histogram()
}

func (t *sums) calls() Calls {
	return Calls{
		Complete:     t.counts[fanout.Complete],
		Partial:      t.counts[fanout.Partial],
		Failed:       t.counts[fanout.Unmet],
		ClientClosed: t.counts[fanout.ClientClosed],
		Refused:      t.counts[countRefused],
	}
}
