package dashboard

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/stats"
)

// FiguresOf are those of a route, and of its backends, by what its proxies say.
func FiguresOf(r *stats.RouteReport) (route map[string]Figures, backends []Backend) {
	route, backends = map[string]Figures{}, []Backend{}
	for name, w := range r.Windows.All() {
		route[name] = ofCalls(w)
	}
	for i := range r.Backends {
		backends = append(backends, ofBackend(&r.Backends[i]))
	}
	return route, backends
}

// figures are what calls and answers have in common.
func figures(seconds float64, succeeded, failed, total uint64, d *stats.Histogram) Figures {
	share, ok := stats.SuccessRate(succeeded, failed)
	f := Figures{
		Seconds: seconds, Success: stats.Percent(share, ok), Rate: stats.PerSecond(total, seconds),
		P50: milliseconds(d.Quantile(0.50)), P95: milliseconds(d.Quantile(0.95)), P99: milliseconds(d.Quantile(0.99)), Counts: []Count{},
	}
	if ok {
		f.Share = &share
	}
	return f
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func ofCalls(w *stats.CallsWindow) Figures {
	c := &w.Calls
	f := figures(w.Seconds, c.Complete+c.Partial, c.Failed, c.Decided()+c.ClientClosed, &w.Duration)
	f.count(fanout.Complete.String(), "", c.Complete)
	f.count(fanout.Partial.String(), "", c.Partial)
	f.count(fanout.Unmet.String(), "", c.Failed)
	f.count(fanout.ClientClosed.String(), "", c.ClientClosed)
	f.count("refused", "", c.Refused)
	return f
}

func ofBackend(of *stats.BackendReport) Backend {
	b := Backend{Name: of.Name, Shadow: of.Shadow, Circuit: string(of.Circuit), Windows: map[string]Figures{}}
	for name, w := range of.Windows.All() {
		a := &w.Answers
		f := figures(w.Seconds, a.Succeeded, a.FailedTotal(), a.Total(), &w.Duration)
		f.count(fanout.Succeeded.String(), "", a.Succeeded)
		f.reasons(fanout.Failed.String(), a.Failed)
		f.reasons(fanout.Rejected.String(), a.Rejected)
		f.count(fanout.Canceled.String(), "", a.Canceled)
		f.count(fanout.Skipped.String(), "", a.Skipped)
		b.Windows[name] = f
	}
	if of.LastFailure != nil {
		b.LastFailure = failure(of.LastFailure)
	}
	for _, result := range slices.Sorted(maps.Keys(of.Compared)) {
		b.Compared = append(b.Compared, Count{Outcome: string(result), N: of.Compared[result]})
	}
	return b
}

// failure is the last one in a line: status 503, 12s ago.
func failure(f *stats.Failure) string {
	return Told(f) + ", " + Age(time.Duration(f.AgeSeconds*float64(time.Second))) + " ago"
}

func (f *Figures) count(outcome, reason string, n uint64) {
	if n > 0 {
		f.Counts = append(f.Counts, Count{outcome, reason, n})
	}
}

// reasons stand by their number, the most frequent first.
func (f *Figures) reasons(outcome string, counts map[stats.Reason]uint64) {
	for _, reason := range slices.SortedFunc(maps.Keys(counts), func(a, b stats.Reason) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}) {
		f.count(outcome, string(reason), counts[reason])
	}
}
