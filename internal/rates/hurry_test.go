package rates

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A proxy that does not serve its document is asked every 60 ms while its kubelet may hand it over,
// then twice a second for a minute, and then at the pace of all others: one that refuses a document may do so
// for days. The next edit is waited for anew.
func TestTheHurryEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProxies("old", "http://a/status")
		poller := New(p, 5*time.Second, new(changes).add)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- poller.Run(ctx) }()
		asked := func(during time.Duration) int {
			before := p.count()
			time.Sleep(during)
			return p.count() - before
		}
		for _, document := range []string{"new", "newer"} {
			poller.Set(orders, targets("a"), want(document))
			if n := asked(300 * time.Millisecond); n < 4 || n > 7 {
				t.Errorf("%s: asked %d times in the first 0.3 s, want five", document, n)
			}
			if n := asked(50 * time.Second); n < 95 || n > 105 {
				t.Errorf("%s: asked %d times in the next 50 s, want a hundred", document, n)
			}
			time.Sleep(20 * time.Second)
			if n := asked(10 * time.Minute); n < 118 || n > 122 {
				t.Errorf("%s: asked %d times in the ten minutes after the first, want every 5 s", document, n)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
