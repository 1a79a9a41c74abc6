// Package rates polls the proxies of all routes and adds up what they say. What it
// shows of a route changes only when a rendered value moves, and then it says so:
// the reconcile loop never asks a proxy, and steady load writes no status.
package rates

import (
	"math"
	"slices"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/writes"
)

// Proxy is what one proxy said last.
type Proxy struct {
	// Name is the Pod's.
	Name string
	// Reached is false where it did not answer the last time.
	Reached bool
	// Document is the hash of the document that it serves.
	Document string
	// Refused says why it refuses a newer document, empty otherwise.
	Refused string
	// Unread is the version of its report where that cannot be read here, 0 otherwise. It
	// answers, and nothing of what it says is known.
	Unread int
}

// Heard reports whether the proxy answered, and what it said is known.
func (p Proxy) Heard() bool { return p.Reached && p.Unread == 0 }

// Observation is what is known of one route's proxies.
type Observation struct {
	// Proxies are those that were asked, in the order of their names.
	Proxies []Proxy
	// Sum adds up all of them. Of durations it has the quantiles that a status shows, and no
	// others; of words for what failed none.
	Sum stats.RouteReport
	// Ending are the certificates that end soon, or have, when all this was added up.
	Ending []stats.CertificateReport
	// Expired is how many of them have.
	Expired int
}

// endsSoon is how long before its end a certificate is told.
const endsSoon = 14 * 24 * time.Hour

// foresee notes which certificates end soon, or have.
func (o *Observation) foresee(now time.Time) {
	for _, c := range o.Sum.Certificates {
		left := c.Ends.Sub(now)
		if left < endsSoon {
			o.Ending = append(o.Ending, c)
		}
		if left <= 0 {
			o.Expired++
		}
	}
}

// Window is that of the figures of a status; states are judged by shorter ones, see Judge.
const Window = stats.Window5m

// changed reports whether it differs who serves what, what is missing, which certificates
// end, or whether the store of rate limits answers.
func (o *Observation) changed(other *Observation) bool {
	return !slices.Equal(o.Ending, other.Ending) || o.Expired != other.Expired || !slices.Equal(o.Proxies, other.Proxies) || !slices.Equal(o.Sum.Missing, other.Sum.Missing) || store(o) != store(other)
}

// store is what the proxies say of the store of rate limits.
func store(o *Observation) (s stats.StoreReport) {
	if o.Sum.Store != nil {
		s = *o.Sum.Store
	}
	return s
}

// standsOtherwise reports whether a backend's state differs, or why it failed.
func (o *Observation) standsOtherwise(other *Observation) bool {
	return !slices.EqualFunc(o.Sum.Backends, other.Sum.Backends, sameStanding)
}

// sameStanding compares what of a backend is no figure.
func sameStanding(a, b stats.BackendReport) bool {
	return a.Name == b.Name && reason(a.LastFailure) == reason(b.LastFailure) && sameState(&a, &b)
}

func reason(f *stats.Failure) stats.Failure {
	if f == nil {
		return stats.Failure{}
	}
	return stats.Failure{Reason: f.Reason, Cause: f.Cause, Status: f.Status, Refused: f.Refused, Message: f.Message}
}

// moved reports whether a figure has moved far enough to be shown.
func (o *Observation) moved(other *Observation) bool {
	a, b := o.Sum.Windows.Of(Window), other.Sum.Windows.Of(Window)
	if figuresMoved(callFigures(a), callFigures(b)) || reportedMoved(o.Sum.Reported, other.Sum.Reported) {
		return true
	}
	for i := range min(len(o.Sum.Backends), len(other.Sum.Backends)) {
		a, b := o.Sum.Backends[i].Windows.Of(Window), other.Sum.Backends[i].Windows.Of(Window)
		if figuresMoved(answerFigures(a), answerFigures(b)) {
			return true
		}
	}
	return false
}

// reportedMoved reports whether another rule would refuse calls, or more of them.
func reportedMoved(now, shown []stats.RuleReport) bool {
	rate := func(list []stats.RuleReport, rule string) float64 {
		for i := range list {
			if r := &list[i]; r.Rule == rule && r.Seconds > 0 {
				return float64(r.Count) / r.Seconds
			}
		}
		return 0
	}
	moved := func(of []stats.RuleReport) bool {
		return slices.ContainsFunc(of, func(r stats.RuleReport) bool { return shareMoved(rate(now, r.Rule), rate(shown, r.Rule)) })
	}
	return moved(now) || moved(shown)
}

// quantiles are those that a status shows.
func quantiles() []float64 { return []float64{0.50, 0.95, 0.99} }

// figures are those of a window. A success rate is -1 where there is none.
type figures struct {
	success, rate, refused float64
	latency                [3]float64
}

func callFigures(w stats.CallsWindow) figures {
	rate, ok := w.Calls.SuccessRate()
	f := newFigures(rate, ok, w.Calls.Decided(), w.Seconds, w.Duration)
	f.refused, _ = w.Calls.RefusedRate()
	return f
}

func answerFigures(w stats.AnswersWindow) figures {
	rate, ok := w.Answers.SuccessRate()
	return newFigures(rate, ok, w.Answers.Total(), w.Seconds, w.Duration)
}

func newFigures(rate float64, ok bool, n uint64, seconds float64, h stats.Histogram) figures {
	f := figures{success: -1}
	if ok {
		f.success = rate
	}
	if seconds > 0 {
		f.rate = float64(n) / seconds
	}
	for i, q := range quantiles() {
		f.latency[i] = h.Quantile(q).Seconds()
	}
	return f
}

func figuresMoved(a, b figures) bool {
	if (a.refused > 0) != (b.refused > 0) || math.Abs(a.refused-b.refused) >= writes.MovedRate {
		return true
	}
	if (a.success < 0) != (b.success < 0) || math.Abs(a.success-b.success) >= writes.MovedRate || shareMoved(a.rate, b.rate) {
		return true
	}
	for i := range a.latency {
		if shareMoved(a.latency[i], b.latency[i]) {
			return true
		}
	}
	return false
}

func shareMoved(now, shown float64) bool {
	return math.Abs(now-shown) >= writes.MovedShare*max(now, shown) && now != shown
}
