package proxy

import (
	"github.com/fanout-operator/fanout/internal/gate"
)

// refused writes how many requests made no call, by why. What may happen by the route as it is
// stands there before it does; what has happened stays.
func (m metrics) refused(r *route) {
	may := gate.ReasonsOf(r.config)
	told := make(map[string]bool, len(may))
	for _, reason := range may {
		told[reason] = true
	}
	for _, reason := range gate.Reasons() {
		n := r.refusals.Total(reason)
		if n > 0 || told[reason] {
			m.Counter("fanout_refused_calls_total", "Requests that made no call, by why.", n, "reason", reason)
		}
	}
}
