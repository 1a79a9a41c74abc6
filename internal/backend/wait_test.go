package backend

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func patient(requests int, per time.Duration, b routeconfig.Backend) routeconfig.Backend {
	b = limited(requests, per, b)
	b.RateLimit.Wait = true
	return b
}

// Calls wait for their turn in the order in which they came; what would wait as long as the
// backend's timeout is refused at once, and says for how long.
func TestCallsWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := testkit.Receiver("one", "http://one.example.com/")
		config.Timeout = testkit.Span(time.Second)
		b, seen := newBackend(t, patient(1, 300*ms, config), exchangeScript{status: 200})
		begun := time.Now()
		var running sync.WaitGroup
		answers := make([]fanout.Answer, 6)
		for i := range answers {
			running.Go(func() { answers[i] = ask(t, b, newCall("POST")) })
			synctest.Wait()
		}
		running.Wait()
		for i, at := range seen.at {
			if got, want := at.Sub(begun), time.Duration(i)*300*ms; got.Round(ms) != want {
				t.Errorf("request %d goes after %v, want %v", i, got, want)
			}
		}
		refused := answers[4]
		if len(seen.at) != 4 || refused.Reason != fanout.RateLimited || refused.RetryAfter.Round(ms) != 1200*ms {
			t.Errorf("%d requests, and the fifth call is %v after %v", len(seen.at), refused.Reason, refused.RetryAfter)
		}
	})
}

// Whoever leaves while it waits has taken nothing.
func TestWhoLeavesTheLineLeavesItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, seen := newBackend(t, patient(1, time.Second, testkit.Receiver("one", "http://one.example.com/", func(b *routeconfig.Backend) {
			b.MaxConcurrentRequests = 2
		})), exchangeScript{status: 200})
		ask(t, b, newCall("GET"))
		for range 5 {
			r, refusal := b.Reserve(t.Context(), newCall("GET"), nil)
			if r == nil {
				t.Fatalf("refused: %+v", refusal)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				time.Sleep(10 * ms)
				cancel(fanout.ErrClientClosed)
			}()
			if a := do(ctx, r, newCall("GET"), nil); a.Outcome != fanout.Canceled {
				t.Fatalf("a call that was left is %v", a.Outcome)
			}
		}
		begun := time.Now()
		ask(t, b, newCall("GET"))
		if took := time.Since(begun); took > time.Second || len(seen.at) != 2 {
			t.Errorf("the next call waits %v, and %d requests were sent", took, len(seen.at))
		}
	})
}

// A retry waits for its token, if there is one within the time that is left.
func TestRetriesWaitForTheirToken(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]int{3 * time.Second: 2, 1500 * ms: 1} {
		synctest.Test(t, func(t *testing.T) {
			config := patient(1, 2*time.Second, retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) { r.Attempts = 2 }))
			config.Timeout = testkit.Span(timeout)
			b, seen := newBackend(t, config, exchangeScript{status: 503}, exchangeScript{status: 200})
			a := ask(t, b, newCall("GET"))
			if len(seen.seen) != want || want == 2 && a.Status != 200 || want == 1 && a.Status != 503 {
				t.Errorf("within %v: %d requests, %d", timeout, len(seen.seen), a.Status)
			}
			if want == 2 && seen.at[1].Sub(seen.at[0]) < 1990*ms {
				t.Errorf("the retry came after %v", seen.at[1].Sub(seen.at[0]))
			}
		})
	}
}

// A retry that is canceled while it waits gives its token back.
func TestACanceledRetryLeavesItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := patient(1, 2*time.Second, retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) { r.Attempts = 2 }))
		b, seen := newBackend(t, config, exchangeScript{status: 503}, exchangeScript{status: 200})
		r, _ := b.Reserve(t.Context(), newCall("GET"), nil)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, fanout.ErrClientClosed)
		defer cancel()
		do(ctx, r, newCall("GET"), nil)
		begun := time.Now()
		ask(t, b, newCall("GET"))
		if took := time.Since(begun); took > 1010*ms || len(seen.at) != 2 {
			t.Errorf("the next call waits %v, and %d requests were sent", took, len(seen.at))
		}
	})
}
