package breaker

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// breakerModel says what a breaker is to do, slowly and from its history: every
// event that happened, and nothing that was computed before.
type breakerModel struct {
	config  routeconfig.CircuitBreaker
	begun   time.Time // when the first result came
	state   stats.Circuit
	since   int // number of the change of state that began it
	openAt  time.Time
	results []modelResult // since then
	probes  int           // admitted since then and not given back
	good    int
}

type modelResult struct {
	at    time.Time
	fault bool
}

type modelPermit struct{ since int }

func (m *breakerModel) turn(c stats.Circuit) {
	m.state, m.results, m.probes, m.good = c, nil, 0, 0
	m.since++
}

func (m *breakerModel) admit(now time.Time) (modelPermit, bool) {
	if m.state == stats.CircuitOpen && !now.Before(m.openAt.Add(time.Duration(m.config.OpenFor))) {
		m.turn(stats.CircuitHalfOpen)
	}
	switch {
	case m.state == stats.CircuitOpen, m.state == stats.CircuitHalfOpen && m.probes == m.config.HalfOpenRequests:
		return modelPermit{}, false
	case m.state == stats.CircuitHalfOpen:
		m.probes++
	}
	return modelPermit{m.since}, true
}

func (m *breakerModel) report(now time.Time, p modelPermit, v Verdict) {
	if p.since != m.since {
		return
	}
	switch {
	case m.state == stats.CircuitHalfOpen && v == Unheard:
		m.probes--
	case m.state == stats.CircuitHalfOpen && v == Fault:
		m.turn(stats.CircuitOpen)
		m.openAt = now
	case m.state == stats.CircuitHalfOpen:
		if m.good++; m.good == m.config.HalfOpenRequests {
			m.turn(stats.CircuitClosed)
		}
	case v != Unheard:
		if m.begun.IsZero() {
			m.begun = now
		}
		m.results = append(m.results, modelResult{now, v == Fault})
		if m.tripped(now) {
			m.turn(stats.CircuitOpen)
			m.openAt = now
		}
	}
}

// tripped counts the results of the current tenth of the window and the nine before.
func (m *breakerModel) tripped(now time.Time) bool {
	tenth := time.Duration(m.config.Window) / 10
	from := m.begun.Add(now.Sub(m.begun).Truncate(tenth) - 9*tenth)
	total, faults := 0, 0
	for _, r := range m.results {
		if r.at.Before(from) {
			continue
		}
		total++
		if r.fault {
			faults++
		}
	}
	return total >= m.config.MinimumRequests && float64(faults)/float64(total) >= float64(m.config.FailurePercent)/100
}

// A hundred thousand random schedules of admissions, results late and in any order,
// and time that goes by: the breaker does what the model does.
func TestBreakerAgainstItsModel(t *testing.T) {
	t.Parallel()
	schedules := 100_000
	if testing.Short() {
		schedules = 1_000
	}
	opened, closed, late := 0, 0, 0
	for seed := range schedules {
		random := rand.New(rand.NewPCG(uint64(seed), 5))
		config := routeconfig.CircuitBreaker{
			FailurePercent: 1 + random.IntN(100), MinimumRequests: 1 + random.IntN(8),
			Window: testkit.Span(time.Duration(1+random.IntN(4)) * 10 * time.Second), OpenFor: testkit.Span(time.Duration(1+random.IntN(20)) * time.Second),
			HalfOpenRequests: 1 + random.IntN(3),
		}
		b, m := New(&config), &breakerModel{config: config, state: stats.CircuitClosed}
		now := time.Unix(1_700_000_000, 0).UTC()
		type pending struct {
			ours  Permit
			model modelPermit
		}
		var under []pending
		for step := range 60 {
			now = now.Add(time.Duration(random.IntN(4)) * time.Second)
			if before := b.state; random.IntN(2) == 0 {
				p, _, ok := b.Admit(now)
				q, should := m.admit(now)
				if ok != should {
					t.Fatalf("schedule %d, step %d, %s: admitted %v, want %v", seed, step, before, ok, should)
				}
				if ok {
					under = append(under, pending{p, q})
				}
			} else if len(under) > 0 {
				i := random.IntN(len(under))
				v := Verdict(random.IntN(3))
				if under[i].model.since != m.since {
					late++
				}
				b.Report(now, under[i].ours, v)
				m.report(now, under[i].model, v)
				under = append(under[:i], under[i+1:]...)
			}
			if b.state != m.state {
				t.Fatalf("schedule %d, step %d: %s, want %s", seed, step, b.state, m.state)
			}
			switch b.state {
			case stats.CircuitOpen:
				opened++
			case stats.CircuitClosed:
				closed++
			case stats.CircuitHalfOpen:
			}
		}
	}
	if opened < schedules || closed < schedules || late < schedules/10 {
		t.Errorf("the schedules saw %d steps open, %d closed and %d late results: too few", opened, closed, late)
	}
}

func TestWhatTheBreakerCounts(t *testing.T) {
	t.Parallel()
	b := New(&routeconfig.CircuitBreaker{SlowerThan: testkit.Span(time.Second), Window: testkit.Span(time.Second)})
	failed := func(r fanout.Reason, status int) fanout.Answer {
		return fanout.Answer{Outcome: fanout.Failed, Reason: r, Status: status}
	}
	for _, row := range []struct {
		name   string
		answer fanout.Answer
		took   time.Duration
		want   Verdict
	}{
		{"a success", fanout.Answer{Outcome: fanout.Succeeded, Status: 200}, time.Second, Good},
		{"a slow success", fanout.Answer{Outcome: fanout.Succeeded, Status: 200}, time.Second + 1, Fault},
		{"a caller's bad input", failed(fanout.Status, 422), 0, Good},
		{"a body that does not fit", failed(fanout.Uncombinable, 200), 0, Good},
		{"too many requests", failed(fanout.Status, 429), 0, Fault},
		{"a defect", failed(fanout.Status, 500), 0, Fault},
		{"a timeout", failed(fanout.Timeout, 0), 0, Fault},
		{"no connection", failed(fanout.Connect, 0), 0, Fault},
		{"no handshake", failed(fanout.TLS, 0), 0, Fault},
		{"a break", failed(fanout.Reset, 0), 0, Fault},
		{"no token", failed(fanout.Credential, 0), 0, Fault},
		{"an address of ours", failed(fanout.ForbiddenAddress, 0), 0, Good},
		{"canceled", fanout.Answer{Outcome: fanout.Canceled}, time.Second, Unheard},
		{"canceled late", fanout.Answer{Outcome: fanout.Canceled}, time.Second + 1, Fault},
		{"no slot", fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.Overloaded}, time.Minute, Unheard},
	} {
		if got := b.Judge(&row.answer, row.took); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}
