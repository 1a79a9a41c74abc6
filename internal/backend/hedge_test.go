package backend

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func hedged(after time.Duration, modify ...func(*routeconfig.Backend)) routeconfig.Backend {
	b := routeconfig.Backend{Hedge: &routeconfig.Hedge{Delay: testkit.Span(after), Max: 1, BudgetPercent: 100}}
	for _, m := range modify {
		m(&b)
	}
	return b
}

func upTo(hedges int) func(*routeconfig.Backend) {
	return func(b *routeconfig.Backend) { b.Hedge.Max = hedges }
}

const ms = time.Millisecond

// What is asked when, and whose answer stands.
func TestHedges(t *testing.T) {
	t.Parallel()
	ok := func(after time.Duration, body string) exchangeScript {
		return exchangeScript{after: after, status: 200, body: body}
	}
	for _, row := range []struct {
		name              string
		config            routeconfig.Backend
		call              *fanout.Call
		scripts           []exchangeScript
		at                []time.Duration // of each exchange
		took              time.Duration
		body              string
		reason            fanout.Reason
		sent, won, wasted uint64
	}{
		{"in time", hedged(80 * ms), newCall("GET"), []exchangeScript{ok(80*ms-1, "a"), ok(0, "b")},
			[]time.Duration{0}, 80*ms - 1, "a", 0, 0, 0, 0},
		{"the hedge wins", hedged(80 * ms), newCall("GET"), []exchangeScript{ok(time.Second, "a"), ok(20*ms, "b")},
			[]time.Duration{0, 80 * ms}, 100 * ms, "b", 0, 1, 1, 0},
		{"the first attempt wins", hedged(80 * ms), newCall("GET"), []exchangeScript{ok(90*ms, "a"), ok(20*ms, "b")},
			[]time.Duration{0, 80 * ms}, 90 * ms, "a", 0, 1, 0, 1},
		{"two hedges", hedged(80*ms, upTo(2)), newCall("GET"), []exchangeScript{ok(time.Second, "a"), ok(time.Second, "b"), ok(5*ms, "c")},
			[]time.Duration{0, 80 * ms, 160 * ms}, 165 * ms, "c", 0, 2, 1, 1},
		{"one is the most", hedged(80 * ms), newCall("GET"), []exchangeScript{ok(time.Second, "a"), ok(2*time.Second, "b")},
			[]time.Duration{0, 80 * ms}, time.Second, "a", 0, 1, 0, 1},
		{"a POST is not", hedged(80 * ms), newCall("POST"), []exchangeScript{ok(time.Second, "a")},
			[]time.Duration{0}, time.Second, "a", 0, 0, 0, 0},
		{"a POST with a key is not by default", hedged(80 * ms), newCall("POST", "Idempotency-Key", "k"), []exchangeScript{ok(time.Second, "a")},
			[]time.Duration{0}, time.Second, "a", 0, 0, 0, 0},
		{"a POST by All", hedged(80*ms, func(b *routeconfig.Backend) { b.Retry = &routeconfig.Retry{Attempts: 1, Methods: routeconfig.RetryAll} }),
			newCall("POST"), []exchangeScript{ok(time.Second, "a"), ok(20*ms, "b")}, []time.Duration{0, 80 * ms}, 100 * ms, "b", 0, 1, 1, 0},
		{"a failure before the delay is no reason", hedged(80 * ms), newCall("GET"), []exchangeScript{{after: 10 * ms, status: 503}},
			[]time.Duration{0}, 10 * ms, "", fanout.Status, 0, 0, 0},
		{"a failure never beats a later success", hedged(80 * ms), newCall("GET"), []exchangeScript{ok(200*ms, "a"), {after: 10 * ms, status: 503}},
			[]time.Duration{0, 80 * ms}, 200 * ms, "a", 0, 1, 0, 1},
		{"nor does a break", hedged(80 * ms), newCall("GET"), []exchangeScript{{after: 100 * ms, err: errBroken}, ok(50*ms, "b")},
			[]time.Duration{0, 80 * ms}, 130 * ms, "b", 0, 1, 1, 0},
		{"an answer is an answer", hedged(80 * ms), newCall("GET"), []exchangeScript{{after: 100 * ms, status: 404}, ok(50*ms, "b")},
			[]time.Duration{0, 80 * ms}, 100 * ms, "", fanout.Status, 1, 0, 1},
		{"a status that stands, after one that does not", hedged(80 * ms), newCall("GET"), []exchangeScript{{after: 90 * ms, status: 503}, {after: 50 * ms, status: 404}},
			[]time.Duration{0, 80 * ms}, 130 * ms, "", fanout.Status, 1, 1, 0},
		{"a body that breaks is no answer", hedged(80 * ms), newCall("GET"), []exchangeScript{{after: 90 * ms, status: 200, broken: true}, ok(50*ms, "b")},
			[]time.Duration{0, 80 * ms}, 130 * ms, "b", 0, 1, 1, 0},
		{"a GET that becomes a POST is not", hedged(80*ms, func(b *routeconfig.Backend) { b.Request.Method = "POST" }), newCall("GET"), []exchangeScript{ok(time.Second, "a")},
			[]time.Duration{0}, time.Second, "a", 0, 0, 0, 0},
		{"a POST that becomes a PUT is", hedged(80*ms, func(b *routeconfig.Backend) { b.Request.Method = "PUT" }), newCall("POST"), []exchangeScript{ok(time.Second, "a"), ok(20*ms, "b")},
			[]time.Duration{0, 80 * ms}, 100 * ms, "b", 0, 1, 1, 0},
		{"all fail: the first counts", hedged(80 * ms), newCall("GET"), []exchangeScript{{after: 200 * ms, err: errBroken}, {after: 10 * ms, status: 503}},
			[]time.Duration{0, 80 * ms}, 200 * ms, "", fanout.Reset, 1, 0, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, seen := newBackend(t, row.config, row.scripts...)
				start := time.Now()
				a := ask(t, b, row.call)
				if took := time.Since(start); took != row.took || string(a.Body) != row.body || a.Reason != row.reason || a.Attempts != len(row.at) {
					t.Errorf("after %v: %+v; want body %q, reason %q after %v in %d attempts", took, a, row.body, row.reason, row.took, len(row.at))
				}
				if len(seen.at) != len(row.at) {
					t.Fatalf("asked %d times, want %d", len(seen.at), len(row.at))
				}
				for i, at := range seen.at {
					if at.Sub(start) != row.at[i] || seen.bodies[i] != "body" {
						t.Errorf("exchange %d at %v with body %q, want at %v", i, at.Sub(start), seen.bodies[i], row.at[i])
					}
				}
				if sent, won, wasted, _ := b.Hedges(); sent != row.sent || won != row.won || wasted != row.wasted {
					t.Errorf("%d sent, %d won, %d wasted; want %d, %d, %d", sent, won, wasted, row.sent, row.won, row.wasted)
				}
				for i, r := range seen.seen { // the losers were told
					if r.Context().Err() == nil {
						t.Errorf("exchange %d goes on", i)
					}
				}
			})
		})
	}
}

// A call that is decided needs no hedge any more; its attempt goes on.
func TestHedgesStopWithTheDecision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, seen := newBackend(t, hedged(80*ms), exchangeScript{after: time.Second, status: 200})
		r, _ := b.Reserve(t.Context(), newCall("GET"), nil)
		decided := make(chan struct{})
		time.AfterFunc(50*ms, func() { close(decided) })
		if a := do(t.Context(), r, newCall("GET"), decided); a.Outcome != fanout.Succeeded || len(seen.seen) != 1 {
			t.Errorf("%v after %d exchanges, want a success after one", a.Outcome, len(seen.seen))
		}
	})
}

// What a limit gave is given back where nothing was sent.
func TestLimitsAreGivenBack(t *testing.T) {
	t.Parallel()
	config := routeconfig.Backend{RateLimit: &routeconfig.RateLimit{Requests: 1, Per: testkit.Span(time.Hour), Burst: 1}}
	b, _ := newBackend(t, config, exchangeScript{status: 200})
	for i := range 3 {
		r, refusal := b.Reserve(t.Context(), newCall("GET"), nil)
		if r == nil {
			t.Fatalf("reservation %d is refused: %v", i, refusal.Reason)
		}
		time.Sleep(time.Millisecond) // on a real clock: time goes by
		r.Cancel()
	}
}

// A failure that is known opens the circuit, though the call is decided before the next
// attempt.
func TestCircuitOfABackendThatIsAlwaysTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) {
			r.BudgetPercent, r.InitialBackoff, r.MaxBackoff = 100, testkit.Span(time.Hour), testkit.Span(time.Hour)
		})
		config.Timeout = testkit.Span(10 * time.Hour)
		config.CircuitBreaker = &routeconfig.CircuitBreaker{
			FailurePercent: 50, MinimumRequests: 2, Window: testkit.Span(10 * time.Second), OpenFor: testkit.Span(5 * time.Second), HalfOpenRequests: 1,
		}
		b, _ := newBackend(t, config, exchangeScript{status: 503})
		for range 2 {
			ctx, decide := context.WithCancelCause(t.Context())
			time.AfterFunc(10*ms, func() { decide(fanout.ErrDecided) })
			r, _ := b.Reserve(t.Context(), newCall("GET"), nil)
			if a := do(ctx, r, newCall("GET"), nil); a.Outcome != fanout.Canceled {
				t.Errorf("the answer is %v", a.Outcome)
			}
		}
		if c := b.Circuit(time.Now()); c != stats.CircuitOpen {
			t.Errorf("the circuit is %s", c)
		}
	})
}

// The budget of hedges is a share of the calls, and one a second.
func TestHedgesHaveABudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBackend(t, hedged(ms, func(b *routeconfig.Backend) { b.Hedge.BudgetPercent = 10 }), exchangeScript{after: 2 * ms, status: 200})
		for range 200 {
			ask(t, b, newCall("GET"))
		}
		if sent, _, _, _ := b.Hedges(); sent != 10+200/10 {
			t.Errorf("%d hedges of 200 calls, want 30", sent)
		}
	})
}

// A percentile is known once there were enough attempts, and losers count.
func TestHedgesByPercentile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := routeconfig.Backend{Hedge: &routeconfig.Hedge{Percentile: 90, Max: 1, BudgetPercent: 100}}
		b, seen := newBackend(t, config, exchangeScript{after: 10 * ms, status: 200})
		for range 10 {
			ask(t, b, newCall("GET"))
		}
		if len(seen.seen) != 10 {
			t.Fatalf("%d exchanges for 10 calls: hedged without knowing", len(seen.seen))
		}
		seen.scripts = append(make([]exchangeScript, 10), exchangeScript{after: time.Second, status: 200}, exchangeScript{after: ms, status: 200})
		start := time.Now()
		ask(t, b, newCall("GET"))
		if d := time.Since(start); d < 10*ms || d > 13*ms { // exact to 5 %
			t.Errorf("hedged after %v, want about 11 ms", d)
		}
	})
}

func TestRetriesHaveABudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) { r.BudgetPercent, r.Attempts = 20, 2 })
		b, seen := newBackend(t, config, exchangeScript{status: 503})
		for range 100 {
			ask(t, b, newCall("GET"))
		}
		if n := len(seen.seen) - 100; n != 10+20 {
			t.Errorf("%d repetitions of 100 calls, want 30", n)
		}
		time.Sleep(11 * time.Second)
		for range 3 {
			ask(t, b, newCall("GET"))
		}
		if n := len(seen.seen) - 133; n != 3 {
			t.Errorf("%d repetitions of 3 calls on a quiet route, want 3", n)
		}
	})
}

// Calls beyond maxConcurrentRequests wait in the queue, in their order.
func TestQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := routeconfig.Backend{MaxConcurrentRequests: 1, MaxQueuedRequests: 2, Timeout: testkit.Span(250 * ms)}
		b, seen := newBackend(t, config, exchangeScript{after: 100 * ms, status: 200})
		start := time.Now()
		type result struct {
			answer fanout.Answer
			after  time.Duration
		}
		results := make([]result, 3)
		done := make(chan int)
		for i := range results {
			r, refusal := b.Reserve(t.Context(), newCall("GET"), nil)
			if r == nil {
				t.Fatalf("call %d is refused: %+v", i, refusal)
			}
			go func() {
				results[i].answer = do(t.Context(), r, newCall("GET"), nil)
				results[i].after = time.Since(start)
				done <- i
			}()
			synctest.Wait()
		}
		if r, refusal := b.Reserve(t.Context(), newCall("GET"), nil); r != nil || refusal.Reason != fanout.Overloaded || refusal.RetryAfter != time.Second {
			t.Errorf("the queue is full and takes a call: %+v", refusal)
		}
		for i := range results {
			if got := <-done; got != i {
				t.Errorf("call %d ended before call %d", got, i)
			}
		}
		for i, want := range []result{
			{fanout.Answer{Outcome: fanout.Succeeded}, 100 * ms},
			{fanout.Answer{Outcome: fanout.Succeeded}, 200 * ms},
			{fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Timeout}, 250 * ms}, // its exchange had begun
		} {
			if got := results[i]; got.answer.Outcome != want.answer.Outcome || got.answer.Reason != want.answer.Reason || got.after != want.after {
				t.Errorf("call %d: %v %v after %v, want %v %v after %v", i, got.answer.Outcome, got.answer.Reason, got.after,
					want.answer.Outcome, want.answer.Reason, want.after)
			}
		}
		if len(seen.seen) != 3 {
			t.Errorf("%d exchanges, want 3", len(seen.seen))
		}
	})
}

// Time that goes by in the queue alone says nothing of the backend.
func TestQueueThatTakesAllTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := routeconfig.Backend{MaxConcurrentRequests: 1, MaxQueuedRequests: 1, Timeout: testkit.Span(time.Second)}
		b, _ := newBackend(t, config, exchangeScript{after: time.Minute, status: 200})
		first, _ := b.Reserve(t.Context(), newCall("GET"), nil)
		second, _ := b.Reserve(t.Context(), newCall("GET"), nil)
		third := make(chan fanout.Answer, 1)
		go func() { third <- do(t.Context(), second, newCall("GET"), nil) }()
		if a := <-third; a.Outcome != fanout.Rejected || a.Reason != fanout.Overloaded {
			t.Errorf("%v %v, want rejected overloaded", a.Outcome, a.Reason)
		}
		first.Cancel()
		r, _ := b.Reserve(t.Context(), newCall("GET"), nil)
		if r == nil {
			t.Fatal("the slot was not given back")
		}
		ctx, leave := context.WithCancelCause(t.Context())
		leave(fanout.ErrClientClosed)
		if a := do(ctx, r, newCall("GET"), nil); a.Outcome != fanout.Canceled {
			t.Errorf("a client that has left: %v", a.Outcome)
		}
	})
}

// An open circuit rejects before anything is sent, ends repetitions under way, and
// closes by a probe.
func TestCircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) {
			r.BudgetPercent, r.InitialBackoff, r.MaxBackoff = 100, testkit.Span(time.Hour), testkit.Span(time.Hour)
		})
		config.CircuitBreaker = &routeconfig.CircuitBreaker{
			FailurePercent: 50, MinimumRequests: 2, Window: testkit.Span(10 * time.Second), OpenFor: testkit.Span(5 * time.Second), HalfOpenRequests: 1,
		}
		b, seen := newBackend(t, config, exchangeScript{status: 500})
		for range 2 {
			ask(t, b, newCall("GET"))
		}
		if c := b.Circuit(time.Now()); c != stats.CircuitOpen {
			t.Fatalf("the circuit is %s after two failures", c)
		}
		if a := ask(t, b, newCall("GET")); a.Outcome != fanout.Rejected || a.Reason != fanout.CircuitOpen || a.RetryAfter != 5*time.Second || len(seen.seen) != 2 {
			t.Errorf("an open circuit answers %+v after %d exchanges", a, len(seen.seen))
		}
		time.Sleep(5 * time.Second)
		seen.scripts = []exchangeScript{{after: time.Second, status: http.StatusOK}}
		if c := b.Circuit(time.Now()); c != stats.CircuitHalfOpen {
			t.Errorf("the circuit is %s when it may be probed", c)
		}
		probe, _ := b.Reserve(t.Context(), newCall("GET"), nil)
		if r, refusal := b.Reserve(t.Context(), newCall("GET"), nil); r != nil || refusal.Reason != fanout.CircuitOpen {
			t.Error("a second probe is admitted")
		}
		probe.Cancel()
		if a := ask(t, b, newCall("GET")); a.Outcome != fanout.Succeeded {
			t.Errorf("the probe: %+v", a)
		}
		if c := b.Circuit(time.Now()); c != stats.CircuitClosed {
			t.Errorf("the circuit is %s after a good probe", c)
		}
	})
}
