package rates

import (
	"slices"

	"github.com/fanout-operator/fanout/internal/stats"
)

// share is what one proxy says of one route. Reports are never changed once they are here,
// so that they can be added up without the Poller's lock.
type share struct {
	route   *watched
	contact *contact
	// known is false until the proxy was asked for the route, and heard or found
	// unreachable.
	known  bool
	report *stats.RouteReport
	size   int // of the report, in the room of the route's namespace
}

// keep takes room for what a status can show of the route's part of a report. Missing keys
// are news at once.
func (s *share) keep(report *stats.Report) {
	lacked := missing(s.report)
	s.forget()
	if r := report.Route(s.route.key.Namespace, s.route.key.Name); r != nil {
		s.report, s.size = s.route.room.fit(r.Kept(Window))
		s.route.room.taken += s.size
	}
	if !slices.Equal(lacked, missing(s.report)) {
		s.route.stale = true
	}
}

// forget gives the room of the report back.
func (s *share) forget() {
	s.route.room.taken -= s.size
	s.report, s.size = nil, 0
}

// missing is what a report, if there is one, lacks.
func missing(r *stats.RouteReport) []stats.MissingKey {
	if r == nil {
		return nil
	}
	return r.Missing
}
