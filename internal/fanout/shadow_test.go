package fanout_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
)

// umbra is what is told of shadows. Each gets an account of the budget.
type umbra struct {
	budget memory.Budget

	mu         sync.Mutex
	answers    []fanout.Answer
	references []fanout.Answer
}

// Room implements fanout.ShadowObserver.
func (u *umbra) Room(*fanout.Call) (account *memory.Account, ok bool) {
	account = u.budget.Open(netip.Addr{})
	if !account.Take(1) {
		account.Close()
		return nil, false
	}
	return account, true
}

// Shadowed implements fanout.ShadowObserver.
func (u *umbra) Shadowed(_ int, _ *fanout.Call, a, reference *fanout.Answer, _ *memory.Account) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answers, u.references = append(u.answers, *a), append(u.references, *reference)
}

// shadowing has backends, and shadows beside them.
type shadowing struct {
	reserver

	shadows []*scripted
}

// ReserveShadow implements fanout.Reserver.
func (s shadowing) ReserveShadow(ctx context.Context, shadow int, _ *fanout.Call) (fanout.Reservation, fanout.Answer) {
	return s.shadows[shadow].reserve(ctx)
}

// send brings a call through both phases.
func (s shadowing) send(t *testing.T) *fanout.Result {
	t.Helper()
	f, err := s.Dispatcher.Reserve(t.Context(), newCall("POST"), s)
	if err != nil {
		t.Fatal(err)
	}
	var kept keeper
	f.Run(t.Context(), &kept)
	return kept.result
}

// outcomes are those of all shadows that there were, sorted.
func (u *umbra) outcomes() (list []fanout.Outcome) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.answers {
		list = append(list, u.answers[i].Outcome)
	}
	return slices.Sorted(slices.Values(list))
}

// Shadows have room of their own, in number and in memory: those beyond it are told as
// rejected, and whatever was taken for them is given back.
func TestShadowsBeyondTheirRoomAreRejected(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		memory int64
		most   int
		want   []fanout.Outcome
	}{
		"room for all":    {100, 3, []fanout.Outcome{succeeded, succeeded, succeeded}},
		"two at once":     {100, 2, []fanout.Outcome{succeeded, succeeded, rejected}},
		"memory for one":  {1, 3, []fanout.Outcome{succeeded, rejected, rejected}},
		"memory for none": {0, 3, []fanout.Outcome{rejected, rejected, rejected}},
	} {
		synctest.Test(t, func(t *testing.T) {
			u := &umbra{budget: memory.Budget{Limit: row.memory}}
			d, _ := newDispatcher(fanout.Options{
				MaxInFlight: row.most, ShadowObserver: u, Shadows: []fanout.Shadow{{Percent: 100}},
			}, succeeds(ms))
			calls := shadowing{reserver{d}, []*scripted{succeeds(100 * ms)}}
			for again := range 2 { // nothing is left of the first time
				u.answers = nil
				for range 3 {
					if r := calls.send(t); r.Outcome != fanout.Complete {
						t.Errorf("%s: beside a shadow %v", name, r.Outcome)
					}
				}
				d.Drain()
				if got := u.outcomes(); !slices.Equal(got, row.want) {
					t.Errorf("%s, time %d: shadows are %v, want %v", name, again, got, row.want)
				}
				if u.budget.Used() != 0 || !d.Idle() {
					t.Errorf("%s, time %d: %d bytes are taken at the end; idle: %v", name, again, u.budget.Used(), d.Idle())
				}
			}
		})
	}
}

// A shadow that its own limits refuse, or that does not take the call, says so, and is not
// asked.
func TestShadowsThatRefuseAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &umbra{budget: memory.Budget{Limit: 100}}
		d, _ := newDispatcher(fanout.Options{ShadowObserver: u, Shadows: []fanout.Shadow{
			{Percent: 100, Body: true}, {Percent: 100},
		}}, succeeds(ms))
		shadowing{reserver{d}, []*scripted{refuses(fanout.RateLimited), {refuses: true, answer: fanout.Answer{Outcome: skipped}}}}.send(t)
		d.Drain()
		if got := u.outcomes(); !slices.Equal(got, []fanout.Outcome{rejected, skipped}) || u.budget.Used() != 0 {
			t.Errorf("shadows are %v, and %d bytes are taken", got, u.budget.Used())
		}
	})
}

// What a shadow is compared with is the answer as it stood when the call was decided: its
// body only where there is room for it, and none where bodies are not compared.
func TestReferencesOfShadows(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		memory  int64
		body    bool
		policy  fanout.PolicyType
		outcome fanout.Outcome
		want    string
	}{
		"outcomes alone":     {100, false, fanout.All, succeeded, ""},
		"bodies":             {100, true, fanout.All, succeeded, "body"},
		"no room for bodies": {4, true, fanout.All, pending, ""},
		"it came too late":   {100, true, fanout.Any, pending, ""},
		"outcomes, too late": {100, false, fanout.Any, pending, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			u := &umbra{budget: memory.Budget{Limit: row.memory}}
			reference := succeeds(9 * ms)
			reference.answer.Body = []byte("body")
			d, _ := newDispatcher(fanout.Options{
				Policy: fanout.Policy{Type: row.policy}, ShadowObserver: u,
				Shadows: []fanout.Shadow{{Percent: 100, Reference: 1, Body: row.body}},
			}, succeeds(ms), reference)
			shadowing{reserver{d}, []*scripted{succeeds(ms)}}.send(t)
			d.Drain()
			if len(u.references) != 1 {
				t.Fatalf("%s: told of %d shadows", name, len(u.references))
			}
			if got := u.references[0]; got.Outcome != row.outcome || string(got.Body) != row.want {
				t.Errorf("%s: the reference is %v with body %q, want %v with %q", name, got.Outcome, got.Body, row.outcome, row.want)
			}
		})
	}
}

// A route is told no shadow whose turn it is not.
func TestShadowsAreSampled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &umbra{budget: memory.Budget{Limit: 1 << 20}}
		d, _ := newDispatcher(fanout.Options{
			ShadowObserver: u, Shadows: []fanout.Shadow{{Percent: 0}, {Percent: 50}},
		}, succeeds(ms))
		calls := shadowing{reserver{d}, []*scripted{succeeds(ms), refuses(fanout.RateLimited)}}
		for range 1000 {
			calls.send(t)
		}
		d.Drain()
		if got := u.outcomes(); len(got) < 400 || len(got) > 600 || slices.Contains(got, succeeded) {
			t.Errorf("of 1000 calls %d were the shadows' turn; want about 500, all of the second", len(got))
		}
	})
}
