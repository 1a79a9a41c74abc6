package breaker

import (
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// newBreaker opens for a minute when one of two results is a fault, and closes after one
// probe.
func newBreaker() *Breaker {
	return New(&routeconfig.CircuitBreaker{
		FailurePercent: 50, MinimumRequests: 2, HalfOpenRequests: 1,
		Window: testkit.Span(30 * time.Second), OpenFor: testkit.Span(time.Minute),
	})
}

// A backend without a breaker is asked always, and has no circuit to show.
func TestNoBreakerIsAlwaysClosed(t *testing.T) {
	t.Parallel()
	b, now := New(nil), time.Now()
	for range 3 {
		p, wait, ok := b.Admit(now)
		b.Report(now, p, Fault)
		b.Retract(now, p)
		if !ok || wait != 0 || !b.Stands(p) || b.Circuit(now) != stats.NoCircuit {
			t.Errorf("admitted %v, wait %v, stands %v, circuit %s", ok, wait, b.Stands(p), b.Circuit(now))
		}
	}
	if v := b.Judge(&fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Timeout}, 0); v != Unheard {
		t.Errorf("a timeout is judged as %d", v)
	}
}

// A success whose stream broke is a failure after all: of the results that count now, and
// of no others.
func TestSuccessThatIsRetracted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		do   func(b *Breaker, now time.Time, p Permit) // after two successes with p
		want stats.Circuit
	}{
		{"nothing is retracted", func(*Breaker, time.Time, Permit) {}, stats.CircuitClosed},
		{"one of two", func(b *Breaker, now time.Time, p Permit) { b.Retract(now, p) }, stats.CircuitOpen},
		{"one of a time before", func(b *Breaker, now time.Time, p Permit) { b.Retract(now, Permit{p.generation - 1}) }, stats.CircuitClosed},
		{"one of a probe, whose success has closed the circuit", func(b *Breaker, now time.Time, p Permit) {
			b.Report(now, p, Fault)
			b.Report(now, p, Fault)
			now = now.Add(time.Minute)
			probe, _, _ := b.Admit(now)
			b.Report(now, probe, Good)
			b.Retract(now, probe)
			b.Report(now, Permit{b.generation}, Good)
			b.Report(now, Permit{b.generation}, Good)
		}, stats.CircuitClosed},
		{"one of a probe beside another", func(b *Breaker, now time.Time, p Permit) {
			b.probes = 2
			b.Report(now, p, Fault)
			b.Report(now, p, Fault)
			now = now.Add(time.Minute)
			probe, _, _ := b.Admit(now)
			b.Report(now, probe, Good)
			b.Retract(now, probe)
		}, stats.CircuitHalfOpen},
	} {
		b, now := newBreaker(), time.Now()
		for range 2 {
			p, _, _ := b.Admit(now)
			b.Report(now, p, Good)
		}
		row.do(b, now, Permit{b.generation})
		if b.state != row.want {
			t.Errorf("%s: %s, want %s", row.name, b.state, row.want)
		}
	}
}

// A circuit that may be probed is shown as half open, and is asked nothing by being shown.
// What was begun before it opened may not ask once more.
func TestCircuitAtATime(t *testing.T) {
	t.Parallel()
	b, now := newBreaker(), time.Now()
	shows := func(at time.Time, want stats.Circuit) {
		t.Helper()
		if got := b.Circuit(at); got != want {
			t.Errorf("after %v the circuit is %s, want %s", at.Sub(now), got, want)
		}
	}
	before, _, _ := b.Admit(now)
	shows(now, stats.CircuitClosed)
	for range 2 {
		if !b.Stands(before) {
			t.Error("a permit does not stand while the circuit is closed")
		}
		b.Report(now, before, Fault)
	}
	shows(now, stats.CircuitOpen)
	shows(now.Add(time.Minute-1), stats.CircuitOpen)
	shows(now.Add(time.Minute), stats.CircuitHalfOpen)
	if _, wait, ok := b.Admit(now.Add(time.Second)); ok || wait != 59*time.Second || b.Stands(before) {
		t.Errorf("admitted: %v, to wait %v; a permit of before stands: %v", ok, wait, b.Stands(before))
	}
	probe, _, ok := b.Admit(now.Add(time.Minute))
	if _, wait, second := b.Admit(now.Add(time.Minute)); !ok || second || wait != 0 {
		t.Errorf("a probe is admitted: %v, a second one: %v, to wait %v", ok, second, wait)
	}
	shows(now.Add(time.Minute), stats.CircuitHalfOpen)
	b.Report(now.Add(time.Minute), probe, Good)
	shows(now.Add(time.Minute), stats.CircuitClosed)
}
