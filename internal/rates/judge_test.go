package rates

import (
	"testing"
	"time"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

func stands(asked, faulty uint64) stats.Standing {
	return stats.Standing{Asked: asked, Heard: asked, Faulty: faulty}
}

// What is known by short windows goes before what long ones remember, and what wavers about a
// threshold stays what it was.
func TestJudgeByTheShortestWindowWithAnswersEnough(t *testing.T) {
	t.Parallel()
	outage := stats.Standings{Last15s: stands(150, 80), Last25s: stands(250, 80), Last1m: stands(600, 80), Last5m: stands(3000, 80)}
	healed := stats.Standings{Last15s: stands(150, 0), Last25s: stands(250, 0), Last1m: stands(600, 350), Last5m: stands(3000, 2750)}
	seldom := stats.Standings{Last15s: stands(1, 1), Last25s: stands(2, 1), Last1m: stands(9, 1), Last5m: stands(60, 1)}
	for name, row := range map[string]struct {
		of     stats.Standings
		before v1alpha1.BackendState
		want   v1alpha1.BackendState
	}{
		"an outage of 8 s":                  {outage, v1alpha1.BackendHealthy, v1alpha1.BackendFailing},
		"one that is over":                  {healed, v1alpha1.BackendFailing, v1alpha1.BackendHealthy},
		"one answer in 60 of a quiet route": {seldom, v1alpha1.BackendHealthy, v1alpha1.BackendHealthy},
		"the last five of ten": {stats.Standings{Last15s: stands(3, 3), Last25s: stands(5, 5), Last1m: stands(10, 5), Last5m: stands(50, 5)},
			v1alpha1.BackendHealthy, v1alpha1.BackendFailing},
		"the last five of eleven": {stats.Standings{Last1m: stands(11, 5), Last5m: stands(50, 5)}, v1alpha1.BackendHealthy, v1alpha1.BackendDegraded},
		"the same after worse":    {stats.Standings{Last1m: stands(11, 5), Last5m: stands(50, 5)}, v1alpha1.BackendFailing, v1alpha1.BackendFailing},
		"three of eleven":         {stats.Standings{Last1m: stands(11, 3), Last5m: stands(50, 5)}, v1alpha1.BackendFailing, v1alpha1.BackendDegraded},
		"one in 25":               {stats.Standings{Last25s: stands(100, 4), Last5m: stands(100, 4)}, v1alpha1.BackendHealthy, v1alpha1.BackendHealthy},
		"one in 25 of one that was worse": {stats.Standings{Last25s: stands(100, 4), Last5m: stands(100, 4)},
			v1alpha1.BackendDegraded, v1alpha1.BackendDegraded},
		"one in 50 of one that was worse": {stats.Standings{Last25s: stands(100, 2), Last5m: stands(100, 4)},
			v1alpha1.BackendDegraded, v1alpha1.BackendHealthy},
		"late just now": {stats.Standings{Last15s: stats.Standing{Asked: 20, Late: 11}, Last5m: stats.Standing{Asked: 400, Heard: 300, Late: 11}},
			v1alpha1.BackendHealthy, v1alpha1.BackendSlow},
		"a third of them late, of one that was slow": {stats.Standings{Last15s: stats.Standing{Asked: 20, Late: 7}, Last5m: stats.Standing{Asked: 400, Heard: 300, Late: 11}},
			v1alpha1.BackendSlow, v1alpha1.BackendSlow},
		"canceled early just now": {stats.Standings{Last15s: stats.Standing{Asked: 20}, Last5m: stands(400, 300)}, v1alpha1.BackendHealthy, v1alpha1.BackendFailing},
	} {
		if got := Judge(&stats.BackendReport{Standing: row.of}, row.before); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// A complete outage is Failing within 15 s and no longer so within 30 s, whenever it begins
// between two polls, at a call a second or more; at two it is Healthy again within 30 s.
func TestAnOutageShowsWithin15SecondsAndIsOverWithin30(t *testing.T) {
	t.Parallel()
	for _, gap := range []time.Duration{20 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second} {
		for phase := range 5 {
			t.Run(gap.String(), func(t *testing.T) {
				t.Parallel()
				polled(t, func(p *proxies, poller *Poller, _ *changes) {
					load := func(status int, until func(v1alpha1.BackendState) bool) time.Duration {
						begun := time.Now()
						for state := v1alpha1.BackendState(""); !until(state) && time.Since(begun) < 10*time.Minute; time.Sleep(gap / 2) {
							p.change(func() { p.answer(status, gap) })
							time.Sleep(gap / 2)
							state = Judge(&poller.Shown(orders).Sum.Backends[0], state)
						}
						return time.Since(begun)
					}
					warm := time.Now().Add(6*time.Minute + time.Duration(phase)*time.Second)
					load(200, func(v1alpha1.BackendState) bool { return time.Now().After(warm) })
					is := func(want v1alpha1.BackendState) func(v1alpha1.BackendState) bool {
						return func(got v1alpha1.BackendState) bool { return got == want }
					}
					shown := load(503, is(v1alpha1.BackendFailing))
					load(503, func(v1alpha1.BackendState) bool { return time.Now().After(warm.Add(2 * time.Minute)) })
					over := load(200, func(s v1alpha1.BackendState) bool { return s != "" && s != v1alpha1.BackendFailing })
					if shown > 15*time.Second || over > 30*time.Second {
						t.Errorf("shown after %v, over after %v", shown, over)
					}
					if healthy := over + load(200, is(v1alpha1.BackendHealthy)); gap <= 500*time.Millisecond && healthy > 30*time.Second {
						t.Errorf("healthy after %v", healthy)
					}
				})
			})
		}
	}
}
