package h2_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/fanout-operator/fanout/internal/h2"
)

// Whatever servers, dials and callers do, at any moment: every call ends within its time or
// soon after its connection did, and a closed pool leaves nothing behind (a goroutine that is
// left over ends the bubble in a panic).
func TestNothingIsStuck(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, 8))
			roll := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return random.IntN(n)
			}
			p := &peer{streams: uint32(1 + roll(8))}
			var calm atomic.Bool
			p.onRequest = func(c *peerConn, stream uint32) {
				if calm.Load() {
					c.answer(stream)
					return
				}
				switch roll(12) {
				case 0:
					c.out <- func(w *http2.Framer) { _ = w.WriteRSTStream(stream, http2.ErrCodeRefusedStream) }
				case 1:
					c.out <- func(w *http2.Framer) { _ = w.WriteRSTStream(stream, http2.ErrCodeInternal) }
				case 2:
					c.out <- func(w *http2.Framer) { _ = w.WriteGoAway(stream, http2.ErrCodeNo, nil) }
					c.answer(stream)
				case 3:
					p.mute.Store(c.n)
				case 4:
					p.refuse.Store(new(errNoDial))
					time.AfterFunc(100*time.Millisecond, func() { p.refuse.Store(nil) })
					c.answer(stream)
				case 5: // never
				default:
					wait := time.Duration(roll(300)) * time.Millisecond
					time.AfterFunc(wait, func() { c.answer(stream) })
				}
			}
			pool := newPool(p, func(o *h2.Options) { o.MaxConnections = 1 + roll(4) })
			var running sync.WaitGroup
			begun := time.Now()
			for range 20 {
				running.Go(func() {
					var used h2.Used
					for range 10 {
						ctx, cancel := context.WithCancelCause(t.Context())
						if roll(2) == 0 {
							ctx = context.WithValue(ctx, h2.UsedKey{}, &used)
						}
						limit := time.Duration(1+roll(3000)) * time.Millisecond
						timer := time.AfterFunc(limit, func() { cancel([]error{errLate, context.Canceled}[roll(2)]) })
						called := time.Now()
						_ = ask(ctx, pool)
						if took := time.Since(called); took > limit {
							t.Errorf("seed %d: a call of %v took %v", seed, limit, took)
						}
						timer.Stop()
						cancel(nil)
					}
				})
			}
			running.Wait()
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("seed %d: took %v", seed, took)
			}
			// From now on all is well, but on the connections that there are nothing moves.
			calm.Store(true)
			time.Sleep(time.Second) // for dials to be possible again
			p.mute.Store(p.dialed.Load())
			for _, want := range []bool{false, true} {
				begun := time.Now()
				for range 50 {
					running.Go(func() {
						if err := ask(t.Context(), pool); want && err != nil {
							t.Errorf("seed %d: a call after all that: %v", seed, err)
						}
					})
				}
				running.Wait()
				if took := time.Since(begun); took > 2500*time.Millisecond {
					t.Errorf("seed %d: 50 calls took %v", seed, took)
				}
			}
			pool.CloseIdleConnections()
			time.Sleep(time.Second)
			if n := p.open.Load(); n != 0 {
				t.Errorf("seed %d: %d connections are left open", seed, n)
			}
		})
	}
}
