package backend

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// crowd counts the requests that are under way at once.
type crowd struct {
	http.RoundTripper

	now, most atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (c *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); n > most; most = c.most.Load() {
		if c.most.CompareAndSwap(most, n) {
			break
		}
	}
	return c.RoundTripper.RoundTrip(r)
}

func limited(requests int, per time.Duration, b routeconfig.Backend) routeconfig.Backend {
	b.RateLimit = &routeconfig.RateLimit{Requests: requests, Per: testkit.Span(per), Burst: requests}
	return b
}

// P5: a supplier limits requests, so that retries take their part of rateLimit. What was
// never sent takes none.
func TestP5RateLimitsCountRequests(t *testing.T) {
	t.Parallel()
	often := func(r *routeconfig.Retry) { r.Attempts = 3 }
	for _, row := range []struct {
		name     string
		script   exchangeScript
		calls    int
		requests int
		last     fanout.Reason
	}{
		{"retries of a status", exchangeScript{status: 503}, 6, 5, fanout.RateLimited},
		{"retries of a break", exchangeScript{err: errBroken}, 6, 5, fanout.RateLimited},
		{"what found no connection was not sent", exchangeScript{unsent: errBroken}, 6, 16, fanout.Connect},
		{"what met a dead connection was not sent", exchangeScript{unsent: errBroken, reused: true}, 6, 18, fanout.Reset},
		{"successes", exchangeScript{status: 200}, 6, 5, fanout.RateLimited},
	} {
		synctest.Test(t, func(t *testing.T) {
			b, seen := newBackend(t, limited(5, 10*time.Second, retries(routeconfig.RetryIdempotent, often)), row.script)
			var last fanout.Answer
			attempts := 0
			for range row.calls {
				last = ask(t, b, newCall("GET"))
				attempts += last.Attempts
			}
			if len(seen.seen) != row.requests || attempts != row.requests || last.Reason != row.last {
				t.Errorf("%s: %d calls made %d requests and say %d, the last %s; want %d, %s",
					row.name, row.calls, len(seen.seen), attempts, last.Reason, row.requests, row.last)
			}
		})
	}
}

// P5: whatever calls come, with retries and hedges, no more requests go out than a bucket
// of that size lets through.
func TestP5RateLimitsHoldOverTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := limited(5, 10*time.Second, retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) {
			r.Attempts, r.InitialBackoff, r.MaxBackoff = 5, testkit.Span(50*ms), testkit.Span(time.Second)
		}))
		config.Hedge = &routeconfig.Hedge{Delay: testkit.Span(20 * ms), Max: 3, BudgetPercent: 100}
		b, seen := newBackend(t, config, exchangeScript{after: 90 * ms, status: 503})
		var running sync.WaitGroup
		for range 200 {
			running.Go(func() { ask(t, b, newCall("GET")) })
			time.Sleep(200 * ms)
		}
		running.Wait()
		if n := len(seen.seen); n > 5+20+5 || n < 20 { // 5 at once, 5 in each 10 s of 40, and as much while the last ones end
			t.Errorf("%d requests in 40 s", n)
		}
		for i := range seen.at[5:] {
			if gap := seen.at[i+5].Sub(seen.at[i]); gap < 1900*ms {
				t.Errorf("6 requests within %v", gap)
			}
		}
	})
}

// P5: a retry for which there is no token is not waited for, and the answer that there is
// stands; one that has a token by then is sent.
func TestP5RetriesWaitForNoToken(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]int{"": 1, "1": 1, "2": 2} {
		synctest.Test(t, func(t *testing.T) {
			config := limited(1, 2*time.Second, retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) { r.Attempts = 2 }))
			script := exchangeScript{status: 503, header: http.Header{}}
			if after != "" {
				script.header.Set("Retry-After", after)
			}
			b, seen := newBackend(t, config, script)
			begun := time.Now()
			a := ask(t, b, newCall("GET"))
			took := time.Since(begun)
			if len(seen.seen) != want || a.Status != 503 || a.Outcome != fanout.Failed || want == 1 && took != 0 {
				t.Errorf("Retry-After %q: %d requests in %v, %v %d; want %d", after, len(seen.seen), took, a.Outcome, a.Status, want)
			}
		})
	}
}

// P5: a hedge is a request like any other: without a slot or a token it is not sent, and it
// gives its slot back.
func TestP5HedgesTakeRoom(t *testing.T) {
	t.Parallel()
	slow := exchangeScript{after: 200 * ms, status: 200, body: "{}"}
	failing := exchangeScript{after: 100 * ms, err: errBroken}
	for _, row := range []struct {
		name     string
		config   routeconfig.Backend
		scripts  []exchangeScript
		requests int
	}{
		{"no slot", routeconfig.Backend{MaxConcurrentRequests: 1}, []exchangeScript{slow}, 1},
		{"a slot for one of two", routeconfig.Backend{MaxConcurrentRequests: 2}, []exchangeScript{slow}, 2},
		{"slots for all", routeconfig.Backend{MaxConcurrentRequests: 3}, []exchangeScript{slow}, 3},
		{"an exchange that ended has left its slot", routeconfig.Backend{MaxConcurrentRequests: 2}, []exchangeScript{failing, slow}, 3},
		{"no token", limited(1, time.Hour, routeconfig.Backend{}), []exchangeScript{slow}, 1},
		{"a token for one of two", limited(2, time.Hour, routeconfig.Backend{MaxConcurrentRequests: 3}), []exchangeScript{slow}, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			config := row.config
			config.Hedge = &routeconfig.Hedge{Delay: testkit.Span(60 * ms), Max: 2, BudgetPercent: 100}
			b, seen := newBackend(t, config, row.scripts...)
			a := ask(t, b, newCall("GET"))
			if len(seen.seen) != row.requests || a.Attempts != row.requests || a.Outcome != fanout.Succeeded {
				t.Errorf("%s: %d requests, says %d, %v; want %d", row.name, len(seen.seen), a.Attempts, a.Outcome, row.requests)
			}
			if n := int64(config.MaxConcurrentRequests); n > 0 && !b.state.slots.TryAcquire(n) {
				t.Errorf("%s: a slot was not given back", row.name)
			}
		})
	}
}

// P5: however many calls there are, with retries and hedges, no more requests are under way
// than the limit says, and all slots are given back.
func TestP5ConcurrencyCountsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := retries(routeconfig.RetryIdempotent)
		config.MaxConcurrentRequests, config.MaxQueuedRequests = 3, 2
		config.Hedge = &routeconfig.Hedge{Delay: testkit.Span(10 * ms), Max: 3, BudgetPercent: 100}
		b, seen := newBackend(t, config, exchangeScript{after: 5 * ms, status: 200}, exchangeScript{after: 50 * ms, status: 503},
			exchangeScript{after: 30 * ms, err: errBroken}, exchangeScript{after: 40 * ms, status: 200}, exchangeScript{after: 45 * ms, status: 503})
		c := &crowd{RoundTripper: seen}
		b.state.connections = c
		var running sync.WaitGroup
		for range 100 {
			running.Go(func() { ask(t, b, newCall("GET")) })
			time.Sleep(7 * ms)
		}
		running.Wait()
		if most := c.most.Load(); most != 3 {
			t.Errorf("%d requests at once, want 3", most)
		}
		if !b.state.slots.TryAcquire(3) || b.state.queued.Load() != 0 {
			t.Error("a slot, or a place in the queue, was not given back")
		}
	})
}

// What is taken of a backend's limits is told: who is at it, who waits, and what the rate has
// left.
func TestLoadOfABackend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := limited(10, time.Second, routeconfig.Backend{MaxConcurrentRequests: 1, MaxQueuedRequests: 3})
		b, _ := newBackend(t, config, exchangeScript{after: 50 * ms, status: 200})
		if none, _ := newBackend(t, routeconfig.Backend{}); none.Load(time.Now()) != (Load{}) {
			t.Errorf("without limits: %+v", none.Load(time.Now()))
		}
		idle := b.Load(time.Now())
		for range 3 {
			go ask(t, b, newCall("POST"))
		}
		synctest.Wait()
		busy := b.Load(time.Now())
		if busy.Busy != 1 || busy.Slots != 1 || busy.Queued != 2 || busy.Places != 3 || busy.Burst != idle.Burst || idle.Tokens-busy.Tokens != 3 {
			t.Errorf("under load %+v, idle %+v", busy, idle)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if after := b.Load(time.Now()); after.Busy != 0 || after.Queued != 0 {
			t.Errorf("after it: %+v", after)
		}
	})
}
