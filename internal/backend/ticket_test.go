package backend

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// A call that was never made leaves nothing behind, wherever it ended: its slot or its place
// in the queue, the breaker's permit and the token of the rate are the next one's.
func TestTicketsComeBackWhole(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(t *testing.T, first, second fanout.Reservation){
		"given back": func(_ *testing.T, first, second fanout.Reservation) {
			second.Cancel()
			first.Cancel()
		},
		"the queue took all the time": func(t *testing.T, first, second fanout.Reservation) {
			t.Helper()
			if a := do(t.Context(), second, newCall("GET"), nil); a.Outcome != fanout.Rejected {
				t.Errorf("the answer is %v", a.Outcome)
			}
			first.Cancel()
		},
		"the client left while it was in the queue": func(t *testing.T, first, second fanout.Reservation) {
			t.Helper()
			ctx, leave := context.WithCancelCause(t.Context())
			leave(fanout.ErrClientClosed)
			if a := do(ctx, second, newCall("GET"), nil); a.Outcome != fanout.Canceled {
				t.Errorf("the answer is %v", a.Outcome)
			}
			first.Cancel()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			config := routeconfig.Backend{
				MaxConcurrentRequests: 1, MaxQueuedRequests: 1, Timeout: testkit.Span(time.Second),
				CircuitBreaker: &routeconfig.CircuitBreaker{
					FailurePercent: 50, MinimumRequests: 1, Window: testkit.Span(10 * time.Second), OpenFor: testkit.Span(time.Second), HalfOpenRequests: 2,
				},
			}
			b, _ := newBackend(t, limited(10, 1000*time.Hour, config), exchangeScript{status: 500})
			ask(t, b, newCall("GET"))
			time.Sleep(time.Second)
			if c := b.Circuit(time.Now()); c != stats.CircuitHalfOpen { // which lets two calls through
				t.Fatalf("%s: the circuit is %s", name, c)
			}
			first, _ := b.Reserve(t.Context(), newCall("GET"), nil)
			second, _ := b.Reserve(t.Context(), newCall("GET"), nil)
			use(t, first, second)
			if !b.state.slots.TryAcquire(1) || b.state.queued.Load() != 0 {
				t.Errorf("%s: a slot, or a place in the queue, is kept", name)
			}
			if tokens := b.state.limiter.TokensAt(time.Now()); math.Round(tokens) != 9 {
				t.Errorf("%s: %.2f tokens are left of 10, want those of all but the one request", name, tokens)
			}
			for range 2 {
				if _, _, ok := b.state.breaker.Admit(time.Now()); !ok {
					t.Errorf("%s: a permit is kept", name)
				}
			}
		})
	}
}

// What a refused call had taken already is given back: the slot, and the permit of a probe.
func TestRefusalsKeepNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBackend(t, limited(2, 40*time.Second, routeconfig.Backend{
			MaxConcurrentRequests: 1,
			CircuitBreaker: &routeconfig.CircuitBreaker{
				FailurePercent: 100, MinimumRequests: 1, Window: testkit.Span(30 * time.Second), OpenFor: testkit.Span(10 * time.Second), HalfOpenRequests: 1,
			},
		}), exchangeScript{status: 503}, exchangeScript{status: 200})
		ask(t, b, newCall("GET")) // opens the circuit
		time.Sleep(10 * time.Second)
		probe, _ := b.Reserve(t.Context(), newCall("GET"), nil) // has the last token
		if _, refusal := b.Reserve(t.Context(), newCall("GET"), nil); refusal.Reason != fanout.CircuitOpen {
			t.Errorf("beside a probe: %v, want circuitOpen", refusal.Reason)
		}
		probe.Cancel()
		b.state.limiter.AllowN(time.Now(), 1)
		for range 3 { // each would keep the slot and the permit from the next one
			if _, refusal := b.Reserve(t.Context(), newCall("GET"), nil); refusal.Reason != fanout.RateLimited {
				t.Errorf("without a token: %v, want rateLimited", refusal.Reason)
			}
		}
		time.Sleep(20 * time.Second)
		if a := ask(t, b, newCall("GET")); a.Outcome != fanout.Succeeded {
			t.Errorf("with a token: %v, %v", a.Outcome, a.Reason)
		}
	})
}
