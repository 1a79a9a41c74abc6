package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/writes"
)

// shownFigures are those of a status: percent, calls a second and seconds, -1 where one
// is absent.
type shownFigures struct {
	success float64
	refused float64    // of a route's calls
	shares  [4]float64 // rate, p50, p95 and p99
}

func trafficFigures(t *v1alpha1.Traffic) shownFigures {
	f := parsed(t.SuccessRate, t.RequestRate, t.Latency)
	f.refused = number(t.RefusedRate, "%")
	return f
}

func backendFigures(b *v1alpha1.BackendStatus) shownFigures {
	return parsed(b.SuccessRate, b.RequestRate, b.Latency)
}

func parsed(success, rate string, l *v1alpha1.Latency) shownFigures {
	f := shownFigures{success: number(success, "%"), shares: [4]float64{number(rate, "/s"), -1, -1, -1}}
	if l != nil {
		for i, text := range [...]string{l.P50, l.P95, l.P99} {
			if d, err := time.ParseDuration(text); err == nil {
				f.shares[i+1] = d.Seconds()
			}
		}
	}
	return f
}

func number(text, unit string) float64 {
	x, err := strconv.ParseFloat(strings.TrimSuffix(text, unit), 64)
	if err != nil {
		return -1
	}
	return x
}

// near reports whether figures are not worth a write. 100% means that nothing failed, and
// is no neighbour of anything.
func near(a, b shownFigures) bool {
	if (a.success < 0) != (b.success < 0) || (a.success == 100) != (b.success == 100) || math.Abs(a.success-b.success) >= writes.NearPercent {
		return false
	}
	if (a.refused < 0) != (b.refused < 0) || math.Abs(a.refused-b.refused) >= writes.NearPercent {
		return false
	}
	for i := range a.shares {
		x, y := a.shares[i], b.shares[i]
		if (x < 0) != (y < 0) || math.Abs(x-y) >= writes.NearShare*max(x, y) && x != y {
			return false
		}
	}
	return true
}
