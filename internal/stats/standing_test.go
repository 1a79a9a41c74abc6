package stats

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// However the clock moves, standings agree with a plain list of events.
func TestStandingsFollowTheModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	b, now := NewBackend(start), start
	type event struct {
		at time.Time
		of Standing
	}
	var events []event
	for range 5000 {
		now = now.Add(time.Duration(r.IntN(1500)) * time.Millisecond)
		e := event{now, Standing{Asked: 1, Heard: 1}}
		switch r.IntN(5) {
		case 0:
			b.Record(now, succeeded(time.Millisecond))
		case 1:
			b.Record(now, failed(fanout.Status, 404))
		case 2:
			b.Record(now, failed(fanout.Timeout, 0))
			e.of.Faulty = 1
		case 3:
			b.Record(now, canceled(time.Hour))
			e.of.Heard, e.of.Late = 0, 1
		case 4:
			b.Record(now, &fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.CircuitOpen})
			e.of = Standing{}
		}
		events = append(events, e)
		if r.IntN(20) > 0 {
			continue
		}
		within := func(slot time.Duration, n int64) (want Standing) {
			for _, e := range events {
				if int64(e.at.Sub(start)/slot) > int64(now.Sub(start)/slot)-n {
					want.Add(e.of)
				}
			}
			return want
		}
		want := Standings{within(5*time.Second, 3), within(5*time.Second, 5), within(5*time.Second, 12), within(25*time.Second, 12)}
		if got := b.Report(now, "one").Standing; got != want {
			t.Fatalf("at %v it stands %+v, want %+v", now.Sub(start), got, want)
		}
	}
}

// A proxy that is older than standings says its windows; what it says adds up with the others.
func TestStandingsOfAnOldProxyAreThoseOfItsWindows(t *testing.T) {
	t.Parallel()
	answers := Answers{Succeeded: 3, Failed: map[Reason]uint64{"timeout": 2, "status": 1}, Rejected: map[Reason]uint64{"rateLimited": 9}, Canceled: 4, Faulty: 2, Late: 1}
	old := RouteReport{Backends: []BackendReport{{Name: "one", Windows: Windows[AnswersWindow]{OneMinute: &AnswersWindow{Answers: answers}, FiveMinutes: &AnswersWindow{Answers: answers}}}}}
	own := RouteReport{Backends: []BackendReport{{Name: "one", Standing: Standings{Last15s: Standing{1, 1, 1, 0}, Last5m: Standing{2, 2, 2, 0}}}}}
	want := Standings{Last15s: Standing{1, 1, 1, 0}, Last1m: Standing{10, 6, 2, 1}, Last5m: Standing{12, 8, 4, 1}}
	merged := Merge([]RouteReport{*old.Kept(Window5m), own})
	if got := merged.Backends[0].Standing; got != want {
		t.Errorf("together they stand %+v, want %+v", got, want)
	}
}
