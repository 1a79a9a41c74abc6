package fanout_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
)

const ms = time.Millisecond

var get, post = newCall("GET"), newCall("POST")

func TestBackendsAreAskedAtOnce(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 8, 32} {
		synctest.Test(t, func(t *testing.T) {
			var backends []*scripted
			for range n {
				backends = append(backends, succeeds(300*ms))
			}
			d, _ := newDispatcher(fanout.Options{}, backends...)
			start := time.Now()
			r, err := d.Dispatch(t.Context(), post)
			if err != nil || r.Outcome != fanout.Complete || time.Since(start) != 300*ms {
				t.Errorf("%d backends of 300 ms: %v, %v after %v", n, r.Outcome, err, time.Since(start))
			}
			for i := range r.Answers {
				if r.Answers[i].Elapsed != 300*ms {
					t.Errorf("backend %d took %v", i, r.Answers[i].Elapsed)
				}
			}
		})
	}
}

// decision is one call and what must become of it.
type decision struct {
	name     string
	options  fanout.Options
	call     *fanout.Call
	backends []*scripted
	after    time.Duration
	outcome  fanout.CallOutcome
	answers  []fanout.Outcome
	deciding int
}

const (
	pending   = fanout.Pending
	succeeded = fanout.Succeeded
	failed    = fanout.Failed
	rejected  = fanout.Rejected
	canceled  = fanout.Canceled
	skipped   = fanout.Skipped
)

func decisions() []decision {
	quorum2 := fanout.Options{Policy: fanout.Policy{Type: fanout.Quorum, Quorum: 2}, Stragglers: fanout.Cancel}
	anyone := fanout.Options{Policy: fanout.Policy{Type: fanout.Any}, Stragglers: fanout.Cancel}
	required := func(patient bool) fanout.Options {
		return fanout.Options{Stragglers: fanout.Cancel, Policy: fanout.Policy{
			Type: fanout.Required, Required: []bool{true, false}, Patient: patient}}
	}
	effort := fanout.Options{Policy: fanout.Policy{Type: fanout.BestEffort}, Stragglers: fanout.Cancel}
	wait := fanout.Options{Policy: fanout.Policy{Type: fanout.Any}, Stragglers: fanout.Wait}
	return []decision{
		{"All waits for the slowest", fanout.Options{}, post, []*scripted{succeeds(ms), succeeds(9 * ms)},
			9 * ms, fanout.Complete, []fanout.Outcome{succeeded, succeeded}, -1},
		{"All fails with the first failure and cancels a safe call", fanout.Options{}, get, []*scripted{replies(ms, 500), succeeds(9 * ms)},
			ms, fanout.Unmet, []fanout.Outcome{failed, canceled}, -1},
		{"All fails with the first failure and finishes a write", fanout.Options{}, post, []*scripted{replies(ms, 500), succeeds(9 * ms)},
			ms, fanout.Unmet, []fanout.Outcome{failed, pending}, -1},
		{"Any: a fast 500 does not beat a slow 200", anyone, post, []*scripted{replies(ms, 500), succeeds(9 * ms)},
			9 * ms, fanout.Partial, []fanout.Outcome{failed, succeeded}, 1},
		{"Any: the first success decides", anyone, post, []*scripted{succeeds(9 * ms), succeeds(ms)},
			ms, fanout.Complete, []fanout.Outcome{canceled, succeeded}, 1},
		{"Any: all fail", anyone, post, []*scripted{replies(ms, 500), replies(9*ms, 404)},
			9 * ms, fanout.Unmet, []fanout.Outcome{failed, failed}, -1},
		{"Quorum 2 of 3: the second success decides", quorum2, post, []*scripted{succeeds(ms), succeeds(5 * ms), succeeds(9 * ms)},
			5 * ms, fanout.Complete, []fanout.Outcome{succeeded, succeeded, canceled}, -1},
		{"Quorum 2 of 3: one failure is borne", quorum2, post, []*scripted{replies(ms, 500), succeeds(5 * ms), succeeds(9 * ms)},
			9 * ms, fanout.Partial, []fanout.Outcome{failed, succeeded, succeeded}, -1},
		{"Quorum 2 of 3: the second failure decides", quorum2, post, []*scripted{replies(ms, 500), replies(5*ms, 500), succeeds(9 * ms)},
			5 * ms, fanout.Unmet, []fanout.Outcome{failed, failed, canceled}, -1},
		{"Required fails early", required(true), post, []*scripted{replies(ms, 500), succeeds(9 * ms)},
			ms, fanout.Unmet, []fanout.Outcome{failed, canceled}, -1},
		{"Required waits for the others where their bodies count", required(true), post, []*scripted{succeeds(ms), replies(9*ms, 500)},
			9 * ms, fanout.Partial, []fanout.Outcome{succeeded, failed}, -1},
		{"Required does not wait where one body counts", required(false), post, []*scripted{succeeds(ms), replies(9*ms, 500)},
			ms, fanout.Complete, []fanout.Outcome{succeeded, canceled}, -1},
		{"BestEffort waits for all", effort, post, []*scripted{succeeds(ms), replies(9*ms, 500)},
			9 * ms, fanout.Partial, []fanout.Outcome{succeeded, failed}, -1},
		{"BestEffort needs one", effort, post, []*scripted{replies(ms, 500), replies(9*ms, 500)},
			9 * ms, fanout.Unmet, []fanout.Outcome{failed, failed}, -1},
		{"Wait keeps the response, and the decision", wait, post, []*scripted{succeeds(ms), replies(9*ms, 500)},
			9 * ms, fanout.Partial, []fanout.Outcome{succeeded, failed}, 0},
		{"Wait ends with the time", wait, post, []*scripted{succeeds(ms), succeeds(9 * time.Second)},
			time.Second, fanout.Partial, []fanout.Outcome{succeeded, failed}, 0},
		{"the time is up for a safe call", fanout.Options{}, get, []*scripted{succeeds(ms), succeeds(9 * time.Second)},
			time.Second, fanout.Unmet, []fanout.Outcome{succeeded, failed}, -1},
		{"the time is up for a write", fanout.Options{}, post, []*scripted{succeeds(ms), succeeds(9 * time.Second)},
			time.Second, fanout.Unmet, []fanout.Outcome{succeeded, failed}, -1},
		{"BestEffort keeps what came in time", effort, get, []*scripted{succeeds(ms), succeeds(9 * time.Second)},
			time.Second, fanout.Partial, []fanout.Outcome{succeeded, failed}, -1},
		{"nothing is sent where the policy cannot be met", fanout.Options{}, post, []*scripted{succeeds(ms), refuses(fanout.RateLimited)},
			0, fanout.Unmet, []fanout.Outcome{skipped, rejected}, -1},
		{"a refusal is borne by Any", anyone, post, []*scripted{refuses(fanout.Overloaded), succeeds(ms)},
			ms, fanout.Partial, []fanout.Outcome{rejected, succeeded}, 1},
		{"all refuse", anyone, post, []*scripted{refuses(fanout.Overloaded), refuses(fanout.RateLimited)},
			0, fanout.Unmet, []fanout.Outcome{rejected, rejected}, -1},
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	for _, want := range decisions() {
		t.Run(want.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d, seen := newDispatcher(want.options, want.backends...)
				start := time.Now()
				r, err := d.Dispatch(t.Context(), want.call)
				if err != nil {
					t.Fatal(err)
				}
				if got := time.Since(start); got != want.after {
					t.Errorf("decided after %v, want %v", got, want.after)
				}
				if r.Outcome != want.outcome || !slices.Equal(outcomes(r), want.answers) || r.Deciding != want.deciding {
					t.Errorf("got %v %v decided by %d, want %v %v by %d",
						r.Outcome, outcomes(r), r.Deciding, want.outcome, want.answers, want.deciding)
				}
				d.Drain()
				final := seen.outcomes(t, len(want.backends))
				for i, o := range want.answers {
					if o != pending && want.call == get && final[i] != o {
						t.Errorf("statistics say %v of backend %d, the response %v", final[i], i, o)
					}
				}
				if d.InFlight() != 0 {
					t.Errorf("%d calls in flight at the end", d.InFlight())
				}
			})
		})
	}
}

func TestNothingIsSentWherePolicyCannotBeMet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := succeeds(ms), refuses(fanout.RateLimited)
		d, _ := newDispatcher(fanout.Options{}, first, second)
		if _, err := d.Dispatch(t.Context(), post); err != nil {
			t.Fatal(err)
		}
		if first.asked.Load() != 0 || first.returned.Load() != 1 {
			t.Errorf("backend was asked %d times and given back %d times, want 0 and 1", first.asked.Load(), first.returned.Load())
		}
	})
}

// A decided call cancels its stragglers in the same instant.
func TestQuorumCancelsTheRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		late := succeeds(time.Hour)
		d, seen := newDispatcher(fanout.Options{Policy: fanout.Policy{Type: fanout.Quorum, Quorum: 2}, Stragglers: fanout.Cancel},
			succeeds(5*ms), succeeds(7*ms), late)
		start := time.Now()
		if _, err := d.Dispatch(t.Context(), post); err != nil {
			t.Fatal(err)
		}
		d.Drain()
		end := late.ended.Load()
		if end == nil || end.at.Sub(start) != 7*ms || !errors.Is(end.cause, fanout.ErrDecided) {
			t.Errorf("straggler ended %+v, want after 7 ms with %v", end, fanout.ErrDecided)
		}
		if got := seen.outcomes(t, 3)[2]; got != canceled {
			t.Errorf("statistics say %v of the straggler, want canceled", got)
		}
	})
}

// Case F2 of the field.
func TestF2ClientLeaves(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		stragglers fanout.Stragglers
		call       *fanout.Call
		cancels    bool
	}{
		{fanout.Auto, get, true}, {fanout.Auto, post, false}, {fanout.Cancel, post, true},
		{fanout.Wait, post, true}, {fanout.Finish, get, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := succeeds(400 * ms)
			d, seen := newDispatcher(fanout.Options{Stragglers: row.stragglers}, b)
			ctx, leave := context.WithTimeout(t.Context(), 30*ms)
			defer leave()
			start := time.Now()
			r, _ := d.Dispatch(ctx, row.call)
			if r.Outcome != fanout.ClientClosed || time.Since(start) != 30*ms {
				t.Errorf("%v %s: %v after %v, want clientClosed after 30 ms", row.stragglers, row.call.Method, r.Outcome, time.Since(start))
			}
			d.Drain()
			final, end := seen.outcomes(t, 1)[0], b.ended.Load()
			if row.cancels && (end == nil || end.at.Sub(start) != 30*ms || final != canceled) {
				t.Errorf("%v %s: backend ended %+v, %v; want canceled at once", row.stragglers, row.call.Method, end, final)
			}
			if !row.cancels && (end != nil || final != succeeded) {
				t.Errorf("%v %s: backend ended %+v, %v; want it finished", row.stragglers, row.call.Method, end, final)
			}
		})
	}
}

// When the time is up, an answer is a timeout and never canceled, even of a
// backend that does not hear.
func TestTimeoutIsNeverCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deaf := succeeds(3 * time.Second)
		deaf.deaf = true
		d, seen := newDispatcher(fanout.Options{}, deaf)
		start := time.Now()
		r, _ := d.Dispatch(t.Context(), get)
		a := r.Answers[0]
		if time.Since(start) != time.Second || a.Outcome != failed || a.Reason != fanout.Timeout || a.Attempts != 1 {
			t.Errorf("after %v: %+v, want failed/timeout after 1 s", time.Since(start), a)
		}
		if d.InFlight() != 1 {
			t.Errorf("%d calls in flight, want the deaf one", d.InFlight())
		}
		d.Drain()
		if got := seen.outcomes(t, 1)[0]; got != failed {
			t.Errorf("statistics say %v, want failed, once", got)
		}
		if time.Since(start) != 3*time.Second {
			t.Errorf("drained after %v, want when the backend ended", time.Since(start))
		}
	})
}

// K3: a call ends while a backend still reserves, in time and with its client; nothing is
// sent then, and what others reserved is given back.
func TestK3ReservingEndsWithTheCall(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		leave   time.Duration
		after   time.Duration
		outcome fanout.CallOutcome
		answer  fanout.Answer
	}{
		"the time is up":      {time.Hour, time.Second, fanout.Unmet, fanout.Answer{Outcome: failed, Reason: fanout.Timeout}},
		"the client has left": {300 * ms, 300 * ms, fanout.ClientClosed, fanout.Answer{Outcome: canceled}},
	} {
		for _, kind := range []fanout.PolicyType{fanout.All, fanout.Any, fanout.BestEffort} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), row.leave)
				defer cancel()
				backends := []*scripted{succeeds(ms), {ponders: true}, succeeds(ms)}
				d, seen := newDispatcher(fanout.Options{Policy: fanout.Policy{Type: kind}, Computes: true}, backends...)
				start := time.Now()
				r, err := d.Dispatch(ctx, post)
				if err != nil || r.Outcome != row.outcome || time.Since(start) != row.after {
					t.Fatalf("%s: %v, %v after %v", name, r.Outcome, err, time.Since(start))
				}
				for i, a := range r.Answers {
					if a.Outcome != row.answer.Outcome || a.Reason != row.answer.Reason {
						t.Errorf("%s: backend %d is %v, %v", name, i, a.Outcome, a.Reason)
					}
				}
				for i, b := range backends {
					if want := int32(1 - i%2); b.asked.Load() != 0 || b.returned.Load() != want {
						t.Errorf("%s: backend %d was asked %d times, %d reservations came back", name, i, b.asked.Load(), b.returned.Load())
					}
				}
				if seen.outcomes(t, 3); !d.Idle() {
					t.Errorf("%s: the call is still in flight", name)
				}
			})
		}
	}
}

func TestStragglersKeepTheirPlaceInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDispatcher(fanout.Options{
			MaxInFlight: 1, Policy: fanout.Policy{Type: fanout.Any}, Stragglers: fanout.Finish,
		}, succeeds(ms), succeeds(9*ms))
		if _, err := d.Dispatch(t.Context(), post); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Dispatch(t.Context(), post); !errors.Is(err, fanout.ErrOverloaded) {
			t.Errorf("error %v beside a straggler, want ErrOverloaded", err)
		}
		d.Drain()
		if _, err := d.Dispatch(t.Context(), post); err != nil {
			t.Errorf("after the straggler: %v", err)
		}
		d.Drain()
	})
}

// uncombinable fails every body in the backend's own goroutine.
type uncombinable struct{}

func (uncombinable) Check(_ int, a *fanout.Answer, _ *memory.Account) {
	a.Outcome, a.Reason = fanout.Failed, fanout.Uncombinable
}

func TestCheckPrecedesTheDecision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, seen := newDispatcher(fanout.Options{Checker: uncombinable{}, Policy: fanout.Policy{Type: fanout.Any}}, succeeds(ms), succeeds(2*ms))
		r, _ := d.Dispatch(t.Context(), get)
		if r.Outcome != fanout.Unmet || r.Answers[0].Reason != fanout.Uncombinable {
			t.Errorf("got %v %+v, want failed with reason uncombinable", r.Outcome, r.Answers[0])
		}
		if got := seen.outcomes(t, 2); !slices.Equal(got, []fanout.Outcome{failed, failed}) {
			t.Errorf("statistics say %v", got)
		}
	})
}

// The response must not change while it is being written.
func TestResultIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDispatcher(fanout.Options{Policy: fanout.Policy{Type: fanout.Any}, Stragglers: fanout.Finish}, succeeds(ms), succeeds(2*ms))
		r, _ := d.Dispatch(t.Context(), post)
		d.Drain()
		if r.Answers[1].Outcome != pending {
			t.Errorf("straggler is %v in a response that was decided before it, want pending", r.Answers[1].Outcome)
		}
	})
}
