package backend

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/quota"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// storeAt opens a store that assumes two proxies.
func storeAt(t *testing.T, address string) *quota.Route {
	t.Helper()
	s := quota.New(quota.Options{
		Config: &routeconfig.RateLimitStore{
			Addresses: []string{address}, Topology: routeconfig.TopologyStandalone, Prefix: "fanout:", Timeout: testkit.Span(time.Second), Proxies: 2,
		},
		Namespace: "shop", Credentials: creds.NewStore(creds.Options{Tree: os.DirFS(t.TempDir())}), Dialer: dial.New(dial.Options{AllowLoopback: true}),
	})
	t.Cleanup(s.Close)
	return s.Route("shop", "orders", 2)
}

// answering opens one that answers.
func answering(t *testing.T) *quota.Route {
	t.Helper()
	r := storeAt(t, testkit.NewRedis(t).Address)
	testkit.Eventually(t, "the store answers", func() bool { return r.Store().Fault() == "" })
	return r
}

// counted is a backend whose limit of requests an hour is counted in a store.
func counted(t *testing.T, route *quota.Route, requests int, config routeconfig.Backend, scripts ...exchangeScript) (*Backend, *transport) {
	t.Helper()
	return countedOver(t, route, limited(requests, time.Hour, config), scripts...)
}

func countedOver(t *testing.T, route *quota.Route, config routeconfig.Backend, scripts ...exchangeScript) (*Backend, *transport) {
	t.Helper()
	if config.RateLimit.Shared = true; config.RateLimit.OnStoreFailure == "" {
		config.RateLimit.OnStoreFailure = routeconfig.StoreFailureDeny
	}
	b, seen := newBackend(t, config, scripts...)
	config.Name = "one"
	b.state.Share(&config, route)
	return b, seen
}

// settled reserves at some backends, as one call does; those that were refused are nil.
func settled(t *testing.T, backends ...*Backend) ([]fanout.Reservation, []fanout.Answer) {
	t.Helper()
	reservations, refusals := make([]fanout.Reservation, len(backends)), make([]fanout.Answer, len(backends))
	var s Settlement
	for i, b := range backends {
		reservations[i], refusals[i] = b.Reserve(t.Context(), newCall("GET"), nil)
		s.Add(i, reservations[i])
	}
	s.Settle(t.Context(), func(i int, why fanout.Answer) { reservations[i], refusals[i] = nil, why })
	return reservations, refusals
}

func TestProxiesShareTheLimitOfABackend(t *testing.T) {
	t.Parallel()
	route := answering(t)
	one, _ := counted(t, route, 4, routeconfig.Backend{}, exchangeScript{status: 200})
	two, _ := counted(t, route, 4, routeconfig.Backend{}, exchangeScript{status: 200})
	for i, b := range []*Backend{one, two, two, one, one, two} {
		r, refusals := settled(t, b)
		if (r[0] != nil) != (i < 4) {
			t.Errorf("call %d: %+v", i, refusals[0])
		}
		if a := refusals[0]; i >= 4 && (a.Outcome != fanout.Rejected || a.Reason != fanout.RateLimited || a.RetryAfter < 10*time.Minute || a.RetryAfter > 15*time.Minute) {
			t.Errorf("call %d: %+v", i, a)
		}
		if r[0] != nil && do(t.Context(), r[0], newCall("GET"), nil).Outcome != fanout.Succeeded {
			t.Errorf("call %d failed", i)
		}
	}
}

// What a call takes of several backends is taken at once, and a backend that refuses leaves
// nothing of the call behind.
func TestBackendsOfACallSettleAtOnce(t *testing.T) {
	t.Parallel()
	route := answering(t)
	full, _ := counted(t, route, 1, routeconfig.Backend{MaxConcurrentRequests: 1}, exchangeScript{status: 200})
	other, _ := counted(t, route, 2, routeconfig.Backend{}, exchangeScript{status: 200})
	other.state.shared.bucket = "backends/other"
	free, _ := newBackend(t, routeconfig.Backend{}, exchangeScript{status: 200})
	settled(t, free) // which takes nothing that is shared
	r, _ := settled(t, full, free, other)
	for i := range r {
		if r[i] == nil || do(t.Context(), r[i], newCall("GET"), nil).Outcome != fanout.Succeeded {
			t.Fatalf("backend %d refused", i)
		}
	}
	if r, _ = settled(t, full, free, other); r[0] != nil || r[1] == nil || r[2] == nil {
		t.Errorf("reservations: %v, want all but the first", r)
	}
	if !full.state.slots.TryAcquire(1) {
		t.Error("the slot of a call that was refused is kept")
	}
}

// What is given back before anything is sent is the next one's, and who never settled has
// nothing to give back.
func TestSharedTokensComeBack(t *testing.T) {
	t.Parallel()
	route := answering(t)
	b, _ := counted(t, route, 1, routeconfig.Backend{}, exchangeScript{status: 200})
	r, _ := settled(t, b)
	r[0].Cancel()
	testkit.Eventually(t, "the token is given back", func() bool { r, _ = settled(t, b); return r[0] != nil })
	open, _ := b.Reserve(t.Context(), newCall("GET"), nil)
	open.Cancel()
	left, leave := context.WithCancel(t.Context())
	leave()
	unheard, _ := b.Reserve(t.Context(), newCall("GET"), nil)
	var s Settlement
	s.Add(0, unheard)
	s.Settle(left, func(int, fanout.Answer) { t.Error("a call that has ended is refused") })
	unheard.Cancel()
	time.Sleep(50 * time.Millisecond) // what is given back takes a moment
	if again, _ := settled(t, b); again[0] != nil {
		t.Error("a token was given back that nobody had taken")
	}
	do(t.Context(), r[0], newCall("GET"), nil)
}

// Shadows settle by themselves, and so do retries and hedges: each request takes a token.
func TestEveryRequestIsCountedInTheStore(t *testing.T) {
	t.Parallel()
	route := answering(t)
	b, seen := counted(t, route, 2, routeconfig.Backend{}, exchangeScript{status: 200})
	for i := range 3 {
		a := ask(t, b, newCall("GET"))
		if want := i < 2; (a.Outcome == fanout.Succeeded) != want || !want && a.Reason != fanout.RateLimited {
			t.Errorf("call %d that did not settle: %+v", i, a)
		}
	}
	if len(seen.at) != 2 {
		t.Errorf("%d requests, want 2", len(seen.at))
	}
	left, leave := context.WithCancelCause(t.Context())
	r, _ := b.Reserve(t.Context(), newCall("GET"), nil)
	leave(fanout.ErrClientClosed)
	if a := do(left, r, newCall("GET"), nil); a.Outcome != fanout.Canceled {
		t.Errorf("who left before its turn: %+v", a)
	}
	often := &routeconfig.Retry{Attempts: 5, Methods: routeconfig.RetryAll, BudgetPercent: 100, RetryOn: []string{"503"}}
	repeated, seen := counted(t, route, 3, routeconfig.Backend{Retry: often}, exchangeScript{status: 503})
	repeated.state.shared.bucket = "backends/repeated"
	begun := time.Now()
	if a := ask(t, repeated, newCall("GET")); a.Status != 503 || len(seen.at) != 3 || time.Since(begun) > 8*time.Second {
		t.Errorf("%d requests, then %+v after %v, want 3 and no wait", len(seen.at), a, time.Since(begun))
	}
	once := &routeconfig.Retry{Attempts: 1, Methods: routeconfig.RetryAll}
	hedge := &routeconfig.Hedge{Delay: testkit.Span(time.Millisecond), Max: 3, BudgetPercent: 100}
	hedged, seen := counted(t, route, 2, routeconfig.Backend{Retry: once, Hedge: hedge}, exchangeScript{status: 200, after: 200 * ms})
	hedged.state.shared.bucket = "backends/hedged"
	if a := ask(t, hedged, newCall("GET")); a.Outcome != fanout.Succeeded || len(seen.at) != 2 {
		t.Errorf("%d requests, then %+v, want a hedge", len(seen.at), a)
	}
}

// An answer that comes while the store is asked for a hedge does not wait for the store.
func TestAnswersDoNotWaitForAHedge(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t)
	route := storeAt(t, redis.Address)
	testkit.Eventually(t, "the store answers", func() bool { return route.Store().Fault() == "" })
	once := &routeconfig.Retry{Attempts: 1, Methods: routeconfig.RetryAll}
	hedge := &routeconfig.Hedge{Delay: testkit.Span(50 * time.Millisecond), Max: 1, BudgetPercent: 100}
	b, seen := counted(t, route, 9, routeconfig.Backend{Retry: once, Hedge: hedge, MaxConcurrentRequests: 2}, exchangeScript{status: 200, after: 200 * ms})
	r, _ := settled(t, b)
	redis.Signal(syscall.SIGSTOP) // for its budget of a second nothing is known
	begun := time.Now()
	if a := do(t.Context(), r[0], newCall("GET"), nil); a.Outcome != fanout.Succeeded || len(seen.at) != 1 || time.Since(begun) > 900*ms {
		t.Errorf("after %v: %+v, %d requests", time.Since(begun), a, len(seen.at))
	}
	testkit.Eventually(t, "the slots of both are given back", func() bool {
		if !b.state.slots.TryAcquire(2) {
			return false
		}
		b.state.slots.Release(2)
		return true
	})
}

// Calls of all proxies wait in one line.
func TestCallsWaitForTheirSharedTurn(t *testing.T) {
	t.Parallel()
	route := answering(t)
	config := patient(1, 300*ms, routeconfig.Backend{Timeout: testkit.Span(time.Second)})
	one, _ := countedOver(t, route, config, exchangeScript{status: 200})
	two, _ := countedOver(t, route, config, exchangeScript{status: 200})
	begun := time.Now()
	var running sync.WaitGroup
	var mu sync.Mutex
	var refused int
	for i := range 6 {
		r, refusals := settled(t, []*Backend{one, two}[i%2])
		if r[0] == nil {
			if refused++; refusals[0].RetryAfter < 900*ms/2 {
				t.Errorf("refused: %+v", refusals[0])
			}
			continue
		}
		turn := i - refused // those that are refused have none
		running.Go(func() {
			do(t.Context(), r[0], newCall("GET"), nil)
			mu.Lock()
			defer mu.Unlock()
			if early := time.Duration(turn)*300*ms - time.Since(begun); early > 20*ms {
				t.Errorf("call %d went %v before its turn", turn, early)
			}
		})
	}
	running.Wait()
	if refused == 0 || refused > 4 {
		t.Errorf("%d calls were refused", refused)
	}
}

// While the store does not answer a limit does what was declared, and counts that.
func TestBackendsWithoutTheirStore(t *testing.T) {
	t.Parallel()
	route := storeAt(t, "127.0.0.1:1")
	for onFailure, want := range map[string]int{
		routeconfig.StoreFailureAllow: 20, routeconfig.StoreFailureDeny: 0, routeconfig.StoreFailureLocalShare: 3,
	} {
		config := limited(6, time.Hour, routeconfig.Backend{})
		config.RateLimit.OnStoreFailure = onFailure
		b, _ := countedOver(t, route, config, exchangeScript{status: 200})
		if r, _ := settled(t, b); r[0] != nil {
			r[0].Cancel() // what was taken of this proxy's share is there again
		}
		admitted := 0
		for range 20 {
			r, refusals := settled(t, b)
			if r[0] != nil {
				admitted++
				do(t.Context(), r[0], newCall("GET"), nil)
			} else if refusals[0].Reason != fanout.RateLimited || refusals[0].RetryAfter < time.Second {
				t.Errorf("%s: %+v", onFailure, refusals[0])
			}
		}
		if n, action, ok := b.Unknown(); admitted != want || !ok || action != onFailure || n != 21 {
			t.Errorf("%s: %d admitted, want %d; %d %s unknown", onFailure, admitted, want, n, action)
		}
	}
	own, _ := newBackend(t, routeconfig.Backend{})
	if _, _, ok := own.Unknown(); ok {
		t.Error("a backend without a store tells of it")
	}
}
