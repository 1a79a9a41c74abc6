package backend

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func retries(methods string, modify ...func(*routeconfig.Retry)) routeconfig.Backend {
	r := &routeconfig.Retry{Attempts: 3, Methods: methods, RetryOn: []string{"connect", "reset", "timeout", "503"}}
	for _, m := range modify {
		m(r)
	}
	return routeconfig.Backend{Retry: r}
}

// Case F4 of the field.
func TestF4WhatIsRepeated(t *testing.T) {
	t.Parallel()
	busy := exchangeScript{status: 503}
	broken := exchangeScript{err: errBroken}
	refused := exchangeScript{unsent: errBroken}
	stale := exchangeScript{unsent: errBroken, reused: true}
	brokenReused := exchangeScript{err: errBroken, reused: true}
	for _, row := range []struct {
		name   string
		config routeconfig.Backend
		script exchangeScript
		call   *fanout.Call
		want   int
	}{
		{"nothing by default", routeconfig.Backend{}, broken, newCall("GET"), 1},
		{"a POST whose reused connection breaks, by default", routeconfig.Backend{}, brokenReused, newCall("POST"), 1},
		{"a POST with a key whose reused connection breaks, by default", routeconfig.Backend{}, brokenReused, newCall("POST", "Idempotency-Key", "k"), 1},
		{"a POST on a stale connection: no byte was sent", routeconfig.Backend{}, stale, newCall("POST"), 3},
		{"GET on a status", retries(routeconfig.RetryIdempotent), busy, newCall("GET"), 3},
		{"PUT on a break", retries(routeconfig.RetryIdempotent), broken, newCall("PUT"), 3},
		{"POST on a status", retries(routeconfig.RetryIdempotent), busy, newCall("POST"), 1},
		{"POST with a key on a status, by Idempotent", retries(routeconfig.RetryIdempotent), busy, newCall("POST", "Idempotency-Key", "k"), 1},
		{"POST with a key on a status", retries(routeconfig.RetryIdempotencyKey), busy, newCall("POST", "Idempotency-Key", "k"), 3},
		{"POST without a key on a status", retries(routeconfig.RetryIdempotencyKey), busy, newCall("POST"), 1},
		{"POST by All", retries(routeconfig.RetryAll), broken, newCall("POST"), 3},
		{"POST that never got a connection", retries(routeconfig.RetryIdempotent), refused, newCall("POST"), 3},
		{"a status that is not listed", retries(routeconfig.RetryAll), exchangeScript{status: 500}, newCall("GET"), 1},
		{"a success", retries(routeconfig.RetryAll), exchangeScript{status: 200}, newCall("GET"), 1},
		{"a body too large", retries(routeconfig.RetryAll), exchangeScript{status: 200, body: "seventeen bytes.."}, newCall("GET"), 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, seen := newBackend(t, row.config, row.script)
				a := ask(t, b, row.call)
				if len(seen.seen) != row.want || a.Attempts != row.want {
					t.Errorf("asked %d times and says %d, want %d", len(seen.seen), a.Attempts, row.want)
				}
				for _, body := range seen.bodies {
					if body != "body" {
						t.Errorf("an attempt had the body %q (F3)", body)
					}
				}
			})
		})
	}
}

func TestWaitsBetweenAttempts(t *testing.T) {
	t.Parallel()
	const initial, most = 100 * time.Millisecond, 150 * time.Millisecond
	backoff := func(r *routeconfig.Retry) {
		r.Attempts, r.InitialBackoff, r.MaxBackoff = 4, testkit.Span(initial), testkit.Span(most)
	}
	synctest.Test(t, func(t *testing.T) {
		b, seen := newBackend(t, retries(routeconfig.RetryAll, backoff), exchangeScript{status: 503})
		for range 100 {
			seen.at = nil
			ask(t, b, newCall("GET"))
			for i, bound := range []time.Duration{initial, most, most} {
				if wait := seen.at[i+1].Sub(seen.at[i]); wait < 0 || wait > bound {
					t.Errorf("wait %d was %v, want at most %v", i, wait, bound)
				}
			}
			time.Sleep(budgetSpan * time.Second)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]struct {
		attempts int // one beyond the time left ends them
		took     time.Duration
	}{
		"2": {3, 4 * time.Second}, "11": {1, 0}, "": {3, 0}, "soon": {3, 0}, "-1": {3, 0},
		"Sat, 01 Jan 2000 00:00:02 GMT": {3, 2 * time.Second}, "Sat, 01 Jan 2000 00:00:11 GMT": {1, 0}, "Fri, 31 Dec 1999 23:59:59 GMT": {3, 0},
	} {
		synctest.Test(t, func(t *testing.T) { // which begins with the year 2000
			b, seen := newBackend(t, retries(routeconfig.RetryAll), exchangeScript{status: 503, header: http.Header{"Retry-After": {value}}})
			start := time.Now()
			ask(t, b, newCall("GET"))
			if took := time.Since(start); len(seen.seen) != want.attempts || took != want.took {
				t.Errorf("Retry-After %q: %d attempts in %v, want %d in %v", value, len(seen.seen), took, want.attempts, want.took)
			}
		})
	}
}

// An attempt is over once it has its answer: nothing of it goes on beside the next one.
func TestAnAttemptIsOverWithItsAnswer(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]routeconfig.Backend{
		"with a time of its own": retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) { r.AttemptTimeout = testkit.Span(time.Second) }),
		"that may be hedged":     hedged(time.Second, func(b *routeconfig.Backend) { b.Retry = retries(routeconfig.RetryIdempotent).Retry }),
	} {
		synctest.Test(t, func(t *testing.T) {
			b, seen := newBackend(t, config, exchangeScript{status: 503})
			goingOn := 0
			b.state.connections = &watched{seen, func() {
				for _, before := range seen.seen {
					if before.Context().Err() == nil {
						goingOn++
					}
				}
			}}
			if a := ask(t, b, newCall("GET")); a.Attempts != 3 || goingOn > 0 {
				t.Errorf("an attempt %s: in %d attempts one that had ended went on %d times", name, a.Attempts, goingOn)
			}
		})
	}
}

// Calls that have ended are not repeated, and leave the budget of retries to those that are.
func TestCanceledCallsSpendNoBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, seen := newBackend(t, retries(routeconfig.RetryIdempotent), exchangeScript{after: time.Second, status: 503})
		for range budgetFloor {
			ctx, leave := context.WithCancelCause(t.Context())
			time.AfterFunc(ms, func() { leave(fanout.ErrClientClosed) })
			r, _ := b.Reserve(t.Context(), newCall("GET"), nil)
			if a := do(ctx, r, newCall("GET"), nil); a.Outcome != fanout.Canceled || a.Attempts != 1 {
				t.Errorf("a call that was canceled: %v after %d attempts", a.Outcome, a.Attempts)
			}
		}
		if a := ask(t, b, newCall("GET")); a.Attempts != 3 {
			t.Errorf("a call after %d requests is attempted %d times, want 3", len(seen.seen), a.Attempts)
		}
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	slow := exchangeScript{after: time.Hour}
	for name, row := range map[string]struct {
		config   routeconfig.Backend
		attempts int
		after    time.Duration
	}{
		"the backend's timeout": {routeconfig.Backend{Timeout: testkit.Span(time.Second)}, 1, time.Second},
		"an attempt's, repeated": {retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) {
			r.AttemptTimeout = testkit.Span(200 * time.Millisecond)
		}), 3, 600 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			b, _ := newBackend(t, row.config, slow)
			start := time.Now()
			a := ask(t, b, newCall("GET"))
			if a.Outcome != fanout.Failed || a.Reason != fanout.Timeout || a.Attempts != row.attempts || time.Since(start) != row.after {
				t.Errorf("%s: %v/%v after %v and %d attempts", name, a.Outcome, a.Reason, time.Since(start), a.Attempts)
			}
		})
	}
}

func TestAnswersOfOneExchange(t *testing.T) {
	t.Parallel()
	codes := routeconfig.Backend{SuccessStatusCodes: []int{404}}
	for name, row := range map[string]struct {
		config  routeconfig.Backend
		script  exchangeScript
		outcome fanout.Outcome
		reason  fanout.Reason
	}{
		"2xx":                    {script: exchangeScript{status: 299}, outcome: fanout.Succeeded},
		"a redirect is its own":  {script: exchangeScript{status: 302}, outcome: fanout.Failed, reason: fanout.Status},
		"304 of a combined call": {script: exchangeScript{status: 304}, outcome: fanout.Failed, reason: fanout.Status},
		"the limit":              {script: exchangeScript{status: 200, body: "sixteen bytes..."}, outcome: fanout.Succeeded},
		"beyond the limit":       {script: exchangeScript{status: 200, body: "seventeen bytes.."}, outcome: fanout.Failed, reason: fanout.TooLarge},
		"a listed status":        {config: codes, script: exchangeScript{status: 404}, outcome: fanout.Succeeded},
		"an unlisted status":     {config: codes, script: exchangeScript{status: 200}, outcome: fanout.Failed, reason: fanout.Status},
		"no connection":          {script: exchangeScript{unsent: errBroken}, outcome: fanout.Failed, reason: fanout.Connect},
		"a break":                {script: exchangeScript{err: errBroken}, outcome: fanout.Failed, reason: fanout.Reset},
		"less than a status":     {script: exchangeScript{status: 101}, outcome: fanout.Failed, reason: fanout.Reset},
		"more than a status":     {script: exchangeScript{status: 600}, outcome: fanout.Failed, reason: fanout.Reset},
		"a bad certificate":      {script: exchangeScript{unsent: dial.HandshakeError{Cause: errBroken}}, outcome: fanout.Failed, reason: fanout.TLS},
	} {
		b, _ := newBackend(t, row.config, row.script)
		if a := ask(t, b, newCall("GET")); a.Outcome != row.outcome || a.Reason != row.reason {
			t.Errorf("%s: %v/%v, want %v/%v", name, a.Outcome, a.Reason, row.outcome, row.reason)
		}
	}
}

func TestLimitsGiveBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBackend(t, routeconfig.Backend{
			MaxConcurrentRequests: 1, RateLimit: &routeconfig.RateLimit{Requests: 2, Per: testkit.Span(time.Second), Burst: 2},
		}, exchangeScript{status: 200})
		first, _ := b.Reserve(t.Context(), newCall("GET"), nil)
		if _, a := b.Reserve(t.Context(), newCall("GET"), nil); a.Outcome != fanout.Rejected || a.Reason != fanout.Overloaded {
			t.Errorf("second at once: %v/%v, want rejected/overloaded", a.Outcome, a.Reason)
		}
		first.Cancel()
		for i := range 2 {
			if a := ask(t, b, newCall("GET")); a.Outcome != fanout.Succeeded {
				t.Errorf("call %d after a reservation that was given back: %v/%v", i, a.Outcome, a.Reason)
			}
		}
		_, a := b.Reserve(t.Context(), newCall("GET"), nil)
		if a.Reason != fanout.RateLimited || a.RetryAfter != 500*time.Millisecond {
			t.Errorf("third within a second: %v after %v, want rateLimited for 500 ms", a.Reason, a.RetryAfter)
		}
		time.Sleep(a.RetryAfter)
		if a := ask(t, b, newCall("GET")); a.Outcome != fanout.Succeeded {
			t.Errorf("after the wait: %v/%v", a.Outcome, a.Reason)
		}
	})
}
