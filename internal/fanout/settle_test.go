package fanout_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

func late() *scripted {
	s := refuses(fanout.RateLimited)
	s.late = true
	return s
}

// What is counted together with other proxies is taken last, for all backends at once, and of
// nobody where the call cannot succeed any more. Who refuses then is as one that did before.
func TestBackendsSettleLast(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		policy   fanout.PolicyType
		backends []*scripted
		want     []fanout.Outcome
	}{
		"one refuses late":               {fanout.Any, []*scripted{late(), succeeds(ms)}, []fanout.Outcome{rejected, succeeded}},
		"one refuses late, all have to":  {fanout.All, []*scripted{late(), succeeds(ms)}, []fanout.Outcome{rejected, skipped}},
		"one refused early, all have to": {fanout.All, []*scripted{refuses(fanout.RateLimited), late()}, []fanout.Outcome{rejected, skipped}},
	} {
		d, seen := newDispatcher(fanout.Options{Policy: fanout.Policy{Type: row.policy}, Shares: true}, row.backends...)
		if _, err := d.Dispatch(t.Context(), post); err != nil {
			t.Fatal(err)
		}
		d.Drain()
		if got := seen.outcomes(t, len(row.backends)); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
		for i, b := range row.backends {
			if asked, want := b.asked.Load(), row.want[i] == succeeded; (asked == 1) != want {
				t.Errorf("%s: backend %d was asked %d times", name, i, asked)
			}
			if back, want := b.returned.Load(), row.want[i] == skipped; (back == 1) != want {
				t.Errorf("%s: the reservation at backend %d was given back %d times", name, i, back)
			}
		}
	}
}

// Nobody is asked by a call whose time ended as it settled.
func TestTheTimeBoundsSettling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := succeeds(ms)
		b.settles = time.Hour
		d, seen := newDispatcher(fanout.Options{Shares: true}, b)
		if _, err := d.Dispatch(t.Context(), post); err != nil {
			t.Fatal(err)
		}
		if got := seen.outcomes(t, 1); got[0] != failed || b.asked.Load() != 0 || b.returned.Load() != 1 {
			t.Errorf("%v, asked %d times, given back %d times", got, b.asked.Load(), b.returned.Load())
		}
	})
}
