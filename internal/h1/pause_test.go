package h1_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/h1"
)

// A request that was given a connection while its own was not even begun needs no other one;
// for one that has left there is one all the same, since the next may be as impatient.
func TestConnectionsAreMadeWhileTheyAreNeeded(t *testing.T) {
	t.Parallel()
	const pause = 100 * time.Millisecond
	for name, row := range map[string]struct {
		patience time.Duration
		dialled  int64
	}{
		"served meanwhile": {time.Minute, 1},
		"left meanwhile":   {pause / 2, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &peer{}
			pauses := false
			pool := newPool(t, p, func(o *h1.Options) {
				o.Pause = func() {
					if pauses {
						time.Sleep(pause)
					}
				}
			})
			first, err := pool.RoundTrip(request(t.Context(), t, "GET"))
			if err != nil {
				t.Fatal(err)
			}
			pauses = true
			go func() {
				time.Sleep(pause / 4 * 3)
				drain(first)
			}()
			ctx, cancel := context.WithTimeout(t.Context(), row.patience)
			defer cancel()
			if _, err := ask(ctx, pool); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			time.Sleep(2 * pause)
			synctest.Wait()
			if dialled := p.dialled.Load(); dialled != row.dialled {
				t.Errorf("%s: %d connections were made, want %d", name, dialled, row.dialled)
			}
			pool.CloseIdleConnections()
		})
	}
}
