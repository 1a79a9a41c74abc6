package backend

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// retry says when a request is repeated. The zero value repeats only what the backend is
// proved to have done nothing with: see again.
type retry struct {
	attempts       int
	attemptTimeout time.Duration
	methods        string
	on             map[string]bool
	resets         bool // are repeated, if the method is
	initial, max   time.Duration
}

func newRetry(config *routeconfig.Retry) retry {
	if config == nil { // what would be repeated is what a hedge may outdo
		return retry{on: map[string]bool{"429": true, "502": true, "503": true, "504": true}}
	}
	r := retry{
		attempts:       config.Attempts,
		attemptTimeout: time.Duration(config.AttemptTimeout),
		methods:        config.Methods,
		on:             map[string]bool{},
		initial:        time.Duration(config.InitialBackoff),
		max:            time.Duration(config.MaxBackoff),
	}
	for _, failure := range config.RetryOn {
		r.on[failure] = true
	}
	r.resets = r.attempts > 1 && r.on[fanout.Reset.String()]
	return r
}

// maxStale is how many dead idle connections a request may meet in a row.
const maxStale = 3

// maxUnprocessed is how often a call is repeated, beside its retries, because the backend
// has proved to have done nothing with it. It ended the connection, which the next one
// heals; or it refuses streams, which it may do for a while. Of a server that leaves every
// third call behind (measured: a connection that ends after 100, of 100 clients), 8 would
// fail one in ten thousand.
const maxUnprocessed = 16

// pause is the wait before such a repetition, after so many: none, then at random up to 20,
// 40 … 160 ms.
func pause(before int) time.Duration {
	if before == 0 {
		return 0
	}
	return rand.N(10 * time.Millisecond << min(before, 4))
}

// sleep waits; it returns false when ctx ends first, or has ended.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// next says whether a failure is followed by another attempt after so many, and after
// which wait.
func (r *retry) next(attempts int, failed *reply, repeatable bool) (wait time.Duration, again bool) {
	if attempts >= r.attempts || !r.covers(&failed.answer) {
		return 0, false
	}
	if !failed.unsent && !repeatable {
		return 0, false
	}
	return max(r.backoff(attempts), failed.answer.RetryAfter), true
}

// covers reports whether this kind of failure is to be repeated.
func (r *retry) covers(a *fanout.Answer) bool {
	if a.Reason == fanout.Status {
		return r.on[strconv.Itoa(a.Status)]
	}
	return r.on[a.Reason.String()]
}

// definitive reports whether an answer is one that another attempt would not change: a
// success, or what the backend says for sure.
func (r *retry) definitive(a *fanout.Answer) bool {
	switch a.Reason {
	case fanout.NoReason, fanout.TooLarge, fanout.Uncombinable:
		return true
	case fanout.Status:
		return !r.covers(a)
	default:
		return false
	}
}

// backoff is random between nothing and a bound that doubles (full jitter).
func (r *retry) backoff(attempts int) time.Duration {
	bound := r.initial
	for range attempts - 1 {
		bound = min(2*bound, r.max)
	}
	return rand.N(max(min(bound, r.max), 0) + 1)
}
