package fanout_test

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
)

// sluggish are statistics that take their time with the first answer that they are told.
type sluggish struct {
	fanout.Observer

	takes time.Duration
	told  atomic.Int32
}

// Answered implements fanout.Observer.
func (s *sluggish) Answered(backend int, a *fanout.Answer) {
	if s.told.Add(1) == 1 {
		time.Sleep(s.takes)
	}
	s.Observer.Answered(backend, a)
}

// What has arrived when the call's time is up counts: answers and time are both there, and
// none of them is taken first by chance.
func TestAnswersOfTheMomentOfTheDeadlineCount(t *testing.T) {
	t.Parallel()
	for _, call := range []*fanout.Call{newCall("GET"), newCall("POST")} {
		for range 64 {
			synctest.Test(t, func(t *testing.T) {
				backends := []*scripted{succeeds(500 * ms), succeeds(700 * ms), replies(800*ms, 500), succeeds(time.Hour)}
				d, seen := newDispatcher(fanout.Options{Policy: fanout.Policy{Type: fanout.BestEffort}}, backends...)
				d.Observer = &sluggish{Observer: seen, takes: 600 * ms} // until the time is up
				r, err := d.Dispatch(t.Context(), call)
				if err != nil {
					t.Fatal(err)
				}
				want := []fanout.Outcome{succeeded, succeeded, failed, failed}
				if !slices.Equal(outcomes(r), want) || r.Answers[2].Reason != fanout.Status || r.Answers[3].Reason != fanout.Timeout {
					t.Fatalf("%s: answers are %v, the last two %v and %v; want %v, status and timeout",
						call.Method, outcomes(r), r.Answers[2].Reason, r.Answers[3].Reason, want)
				}
				d.Drain()
				seen.outcomes(t, 4)
			})
		}
	}
}

// Whoever has the result of a call may send the next one: its place in flight is free then,
// and its memory given back.
func TestCallsHaveLandedWhenTheirResultIsThere(t *testing.T) {
	t.Parallel()
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			d, _ := newDispatcher(fanout.Options{MaxInFlight: 1}, succeeds(ms), replies(2*ms, 500))
			budget := &memory.Budget{Limit: 100}
			account := budget.Open(netip.Addr{})
			if !account.Take(60) {
				t.Fatal("there is no room")
			}
			if _, err := d.Dispatch(t.Context(), &fanout.Call{Method: "POST", Memory: account}); err != nil {
				t.Fatal(err)
			}
			if d.InFlight() != 0 {
				t.Fatalf("%d calls in flight", d.InFlight())
			}
			if account.Close(); budget.Used() != 0 {
				t.Fatalf("%d bytes are taken", budget.Used())
			}
		})
	}
}

// Memory is kept as long as a backend works: it may read the body.
func TestStragglersKeepTheMemoryOfTheirCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDispatcher(fanout.Options{Policy: fanout.Policy{Type: fanout.Any}}, succeeds(ms), succeeds(9*ms))
		budget := &memory.Budget{Limit: 100}
		account := budget.Open(netip.Addr{})
		account.Take(60)
		if _, err := d.Dispatch(t.Context(), &fanout.Call{Method: "POST", Memory: account}); err != nil {
			t.Fatal(err)
		}
		if account.Close(); budget.Used() != 60 {
			t.Errorf("%d bytes are taken beside a straggler, want 60", budget.Used())
		}
		if d.Drain(); budget.Used() != 0 {
			t.Errorf("%d bytes are taken after it", budget.Used())
		}
	})
}

// A call that no backend takes is told from one that failed.
func TestCallsThatNobodyTakesAreUnwanted(t *testing.T) {
	t.Parallel()
	pass := func() *scripted { return &scripted{refuses: true, answer: fanout.Answer{Outcome: skipped}} }
	for name, row := range map[string]struct {
		backends []*scripted
		want     bool
	}{
		"nobody takes it": {[]*scripted{pass(), pass()}, true},
		"one takes it":    {[]*scripted{pass(), succeeds(ms)}, false},
		"one refuses":     {[]*scripted{pass(), refuses(fanout.RateLimited)}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, _ := newDispatcher(fanout.Options{}, row.backends...)
			r, err := d.Dispatch(t.Context(), newCall("POST"))
			if err != nil || r.Unwanted != row.want {
				t.Errorf("%s: unwanted is %v, %v", name, r.Unwanted, err)
			}
		})
	}
}

// A call is told to have had an effect where a part of it was done, or may yet be, by a
// method that is not safe.
func TestWhichCallsHaveHadAnEffect(t *testing.T) {
	t.Parallel()
	broken := func(status int) *scripted {
		return &scripted{after: ms, answer: fanout.Answer{Outcome: failed, Reason: fanout.TooLarge, Status: status, Attempts: 1}}
	}
	given := func(o fanout.Outcome, attempts int) *scripted {
		return &scripted{after: ms, answer: fanout.Answer{Outcome: o, Attempts: attempts}}
	}
	for name, row := range map[string]struct {
		method   string
		backends []*scripted
		want     bool
	}{
		"one was done":                  {"POST", []*scripted{succeeds(ms), replies(2*ms, 500)}, true},
		"it is safe":                    {"GET", []*scripted{succeeds(ms), replies(2*ms, 500)}, false},
		"it said no":                    {"POST", []*scripted{replies(ms, 404)}, false},
		"one is still asked":            {"POST", []*scripted{replies(ms, 500), succeeds(9 * ms)}, true},
		"its response was lost":         {"POST", []*scripted{broken(200)}, true},
		"the response to a no was lost": {"POST", []*scripted{broken(500)}, false},
		"nothing was sent":              {"POST", []*scripted{refuses(fanout.RateLimited), succeeds(ms)}, false},
		"rejected after it was sent":    {"POST", []*scripted{given(rejected, 1)}, true},
		"rejected before it was sent":   {"POST", []*scripted{given(rejected, 0)}, false},
		"canceled after it was sent":    {"POST", []*scripted{given(canceled, 1)}, true},
		"canceled before it was sent":   {"POST", []*scripted{given(canceled, 0)}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			for _, b := range row.backends {
				b.writes = row.method == "POST"
			}
			d, _ := newDispatcher(fanout.Options{}, row.backends...)
			r, err := d.Dispatch(t.Context(), newCall(row.method))
			if err != nil || r.Affected() != row.want {
				t.Errorf("%s: affected is %v, %v", name, r.Affected(), err)
			}
			d.Drain()
		})
	}
	if (&fanout.Result{Answers: []fanout.Answer{{Outcome: succeeded}}}).Affected() {
		t.Error("what was never sent had an effect")
	}
}
