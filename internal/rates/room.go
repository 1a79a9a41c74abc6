package rates

import "github.com/fanout-operator/fanout/internal/stats"

// roomBytes is what the reports of a namespace's Pods may take together, about: a tenant
// may have Pods by the thousand, each of which says what it likes within its route's
// spec. 3,000 Pods of five backends fit, 1,600 of them with durations.
// Which of more they are hangs on who answers first, so that a restart would write their figures anew.
const roomBytes = 16 << 20

// room is that of a namespace. It is guarded by the Poller's lock.
type room struct {
	routes int // that are watched
	taken  int
}

// fit returns what of a report that nobody else has there is room for, and its size: beyond three quarters of the room no
// durations, beyond all of it nothing, so that a Pod then counts by its document alone.
func (r *room) fit(report *stats.RouteReport) (*stats.RouteReport, int) {
	size := report.Size()
	if r.taken+size > roomBytes/4*3 {
		report.Thin()
		size = report.Size()
	}
	if r.taken+size > roomBytes {
		return nil, 0
	}
	return report, size
}
