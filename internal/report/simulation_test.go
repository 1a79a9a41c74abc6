//go:build !race

// Days of virtual time take seconds, and ten minutes with the race detector: `make test` runs this
// file by itself.

package report_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/writes"
)

// What docs/operations/status.md promises of every load.
const (
	mostBurst      = 6                 // writes beyond two a minute
	oldestFigures  = 155 * time.Second // that a figure may be far from the truth
	oldestState    = 65 * time.Second  // that a state may be another than the one that is true
	farRate        = 0.40              // of the greater one, and what rounding to three digits adds
	farSuccess     = 1.9               // percentage points
	roundedPercent = 0.1
	outageShown    = 15 * time.Second // of a backend that fails always, asked once a second or more
	outageOver     = 30 * time.Second
	roundedShare   = 0.01
)

// look is how often what is shown is held against the truth.
const look = 5 * time.Second

// load is what a route is called for, second by second.
type load struct {
	name  string
	lasts time.Duration
	// rate is the number of calls a second, share how many of them fail.
	rate, share func(at time.Duration) float64
}

func always(x float64) func(time.Duration) float64 { return func(time.Duration) float64 { return x } }

// from is a figure that is another one in a part of the time.
func from(begin, end time.Duration, within, without float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		if at >= begin && at < end {
			return within
		}
		return without
	}
}

// loads are the shapes that were recorded on the cluster of make e2e-long and of the demo.
func loads() []load {
	every := func(period time.Duration) func(time.Duration) float64 {
		return func(at time.Duration) float64 {
			if at/period%2 == 1 {
				return 1
			}
			return 0
		}
	}
	daily := func(at time.Duration) float64 { return 10 - 9*math.Cos(2*math.Pi*at.Hours()/24) }
	const warm = 10 * time.Minute
	return []load{
		{"steady, 20 calls a second", time.Hour, always(20), always(0)},
		{"steady, 1 in 100 fails", time.Hour, always(20), always(0.01)},
		{"steady, 1 in 10 fails", time.Hour, always(20), always(0.1)},
		{"a daily curve, 1 to 19 calls a second", 24 * time.Hour, daily, always(0.001)},
		{"flapping, every 20 s", time.Hour, always(20), every(20 * time.Second)},
		{"flapping, every 2 min", time.Hour, always(20), every(2 * time.Minute)},
		{"an outage of 10 min", time.Hour, always(20), from(warm, 2*warm, 1, 0)},
		{"an outage of 10 min, 1 call a second", time.Hour, always(1), from(warm, 2*warm, 1, 0)},
		{"half of the calls fail for 10 min", time.Hour, always(20), from(warm, 2*warm, 0.5, 0)},
		{"1 call a minute, none fails", 6 * time.Hour, always(1.0 / 60), always(0)},
		{"1 call a minute, an outage of 1 h", 6 * time.Hour, always(1.0 / 60), from(time.Hour, 2*time.Hour, 1, 0)},
		{"calls for 10 min, then none", time.Hour, from(0, warm, 20, 0), always(0)},
		{"none", time.Hour, always(0), always(0)},
	}
}

// simulated is one route under a load, with two proxies, the operator's poller and its passes.
type simulated struct {
	t        *testing.T
	backends [2]*stats.Backend
	calls    [2]*stats.Route
	poller   *rates.Poller
	budget   writes.Bucket
	route    *v1alpha1.FanoutRoute
	moved    chan struct{}
	again    time.Time // of a pass that waits for a write; zero for none

	written                  int
	failing, over            time.Duration // since the load changed, until that was shown
	far, farState            time.Duration // for how long it has been
	oldest, oldestOfState    time.Duration
	farthest, farthestOfRate float64
}

// Fetch implements rates.Fetcher.
func (s *simulated) Fetch(_ context.Context, url string, _ stats.Bounds) (*stats.Report, error) {
	i, now := int(url[len(url)-1]-'0'), time.Now()
	return &stats.Report{Document: "h", Ready: true, Routes: []stats.RouteReport{{
		Namespace: "shop", Name: "orders", Windows: s.calls[i].Windows(now), Backends: []stats.BackendReport{s.backends[i].Report(now, "one")},
	}}}, nil
}

// call lets a second's calls happen, spread over both proxies.
func (s *simulated) call(n int, share float64, r *rand.Rand) {
	for i := range n {
		a := fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Elapsed: time.Duration(20+r.IntN(3)) * time.Millisecond, Attempts: 1}
		became := fanout.Complete
		if r.Float64() < share {
			a.Outcome, a.Reason, a.Status, became = fanout.Failed, fanout.Status, 503, fanout.Unmet
		}
		s.backends[i%2].Record(time.Now(), &a)
		s.calls[i%2].Record(time.Now(), became, a.Elapsed)
	}
}

// pass is what the controller does with a route that has moved.
func (s *simulated) pass() {
	seen, now := s.poller.Shown(types.NamespacedName{Namespace: "shop", Name: "orders"}), time.Now()
	in := input(func(in *report.Input) {
		in.Route, in.Seen, in.Now = s.route, seen, metav1.NewTime(now)
	})
	status := report.Status(in)
	s.again = time.Time{}
	if equality.Semantic.DeepEqual(status, s.route.Status) {
		return
	}
	if wait := s.budget.Wait(report.News(&status, &s.route.Status), now); wait > 0 {
		s.again = now.Add(wait)
		return
	}
	s.route.Status = status
	s.written++
}

// step is one second: its calls, then what the operator makes of it.
func (s *simulated) step(n int, share float64, r *rand.Rand) {
	s.call(n, share, r)
	time.Sleep(time.Second)
	synctest.Wait()
	select {
	case <-s.moved:
		s.pass()
	default:
		if !s.again.IsZero() && !time.Now().Before(s.again) {
			s.pass()
		}
	}
}

// compare holds what is shown against what is true.
func (s *simulated) compare() {
	truth, far := s.sum(), false
	share, ok := truth.Calls.SuccessRate()
	if tr := s.route.Status.Traffic; tr != nil && ok {
		var rate, success float64
		_, _ = fmt.Sscanf(tr.RequestRate, "%f/s", &rate)
		_, _ = fmt.Sscanf(tr.SuccessRate, "%f%%", &success)
		truly := float64(truth.Calls.Decided()) / truth.Seconds
		offBy, off := math.Abs(rate-truly)/max(rate, truly), math.Abs(success-100*share)
		far = offBy > farRate+roundedShare || off > farSuccess+roundedPercent
		if !far {
			s.farthestOfRate, s.farthest = max(s.farthestOfRate, offBy), max(s.farthest, off)
		}
	} else {
		far = tr != nil || ok
	}
	s.far = since(far, s.far)
	s.oldest = max(s.oldest, s.far)
	other := false
	if b := s.route.Status.Backends; len(b) > 0 {
		report := stats.Merge([]stats.RouteReport{
			{Backends: []stats.BackendReport{s.backends[0].Report(time.Now(), "one")}}, {Backends: []stats.BackendReport{s.backends[1].Report(time.Now(), "one")}},
		}).Backends[0]
		other = rates.Judge(&report, b[0].State) != b[0].State
	}
	s.farState = since(other, s.farState)
	s.oldestOfState = max(s.oldestOfState, s.farState)
}

// sum is the truth within the window of a status.
func (s *simulated) sum() stats.CallsWindow {
	w := s.calls[0].Windows(time.Now()).Of(rates.Window)
	w.Add(s.calls[1].Windows(time.Now()).Of(rates.Window))
	return w
}

func since(so bool, before time.Duration) time.Duration {
	if !so {
		return 0
	}
	return before + look
}

func (s *simulated) state() v1alpha1.BackendState {
	if len(s.route.Status.Backends) == 0 {
		return ""
	}
	return s.route.Status.Backends[0].State
}

// run drives a load through it.
func (s *simulated) run(l load) {
	r, owed, before := rand.New(rand.NewPCG(1, 2)), 0.0, 0.0
	time.Sleep(300 * time.Millisecond) // no call is made in the very moment of a poll
	changed, begun, complete := time.Duration(-1), time.Now(), true
	for at := time.Duration(0); at < l.lasts; at += time.Second {
		share := l.share(at)
		if (share >= 0.5) != (before >= 0.5) {
			changed = at
		}
		complete = complete && (share == 0 || share == 1 && l.rate(at) >= 1)
		before = share
		owed += l.rate(at)
		n := int(owed)
		owed -= float64(n)
		s.step(n, share, r)
		if at%look == 0 {
			s.compare()
		}
		if changed < 0 {
			continue
		}
		switch ill := s.state() == v1alpha1.BackendFailing; {
		case share >= 0.5 && ill:
			s.failing, changed = max(s.failing, at+time.Second-changed), -1
		case share < 0.5 && !ill:
			s.over, changed = max(s.over, at+time.Second-changed), -1
		}
	}
	if lasted := time.Since(begun); float64(s.written) > mostBurst+2*lasted.Minutes() {
		s.t.Errorf("%s: %d writes in %v", l.name, s.written, lasted)
	}
	if complete && (s.failing > outageShown || s.over > outageOver) {
		s.t.Errorf("%s: an outage showed after %v, its end after %v", l.name, s.failing, s.over)
	}
	if s.oldest > oldestFigures || s.oldestOfState > oldestState {
		s.t.Errorf("%s: figures were far off for %v, the state for %v", l.name, s.oldest, s.oldestOfState)
	}
}

// simulate returns the row of a load in the table.
func simulate(t *testing.T, l load) (row string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{t: t, moved: make(chan struct{}, 1), route: input().Route}
		for i := range s.backends {
			s.backends[i], s.calls[i] = stats.NewBackend(time.Now()), stats.NewRoute(time.Now())
		}
		s.route.Spec.Backends = s.route.Spec.Backends[:1]
		s.poller = rates.New(s, 5*time.Second, func(types.NamespacedName) {
			select {
			case s.moved <- struct{}{}:
			default:
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.poller.Run(ctx) }()
		s.poller.Set(types.NamespacedName{Namespace: "shop", Name: "orders"}, []rates.Target{{Name: "p1", URL: "http://0"}, {Name: "p2", URL: "http://1"}}, rates.Want{Document: "h"})
		s.run(l)
		stop()
		<-done
		seconds := func(d time.Duration) string {
			if d == 0 {
				return "–"
			}
			return fmt.Sprintf("%.0f s", d.Seconds())
		}
		row = fmt.Sprintf("| %s | %v h | %d | %.2f | %.1f points | %.0f %% | %s | %s | %s | %s |", l.name, l.lasts.Hours(), s.written, float64(s.written)/l.lasts.Minutes(),
			s.farthest, 100*s.farthestOfRate, seconds(s.oldest), seconds(s.oldestOfState), seconds(s.failing), seconds(s.over))
	})
	return row
}

// Whatever the load, a status is written no more often than its budget allows, and what it shows
// is no further from the truth, and no longer, than docs/operations/status.md says: its table is
// what comes out here.
func TestStatusUnderLoads(t *testing.T) {
	t.Parallel()
	list := loads()
	rows := make([]string, len(list))
	t.Run("loads", func(t *testing.T) {
		for i, l := range list {
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				rows[i] = simulate(t, l)
			})
		}
	})
	table := strings.Join(rows, "\n") + "\n"
	testkit.Golden(t, filepath.Join("testdata", "loads.md"), table)
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operations", "status.md"))
	if err != nil || !strings.HasSuffix(string(page), "|\n"+table) {
		t.Errorf("docs/operations/status.md does not end with testdata/loads.md (%v)", err)
	}
}
