package h2_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/fanout-operator/fanout/internal/h2"
)

// hanging lets so many of the dials hang that come next, in either way: no connection is
// made within 30 s, or one on which nothing is said.
type hanging struct {
	peer  *peer
	mute  bool
	left  atomic.Int64
	dials atomic.Int64
	now   atomic.Int64 // that hang
	most  atomic.Int64
}

func (h *hanging) dial(ctx context.Context) (net.Conn, error) {
	h.dials.Add(1)
	if h.left.Add(-1) < 0 {
		return h.peer.dial(ctx)
	}
	if h.mute {
		client, server := net.Pipe()
		go func() {
			for buffer := make([]byte, 100); ; {
				if _, err := server.Read(buffer); err != nil {
					_ = server.Close()
					return
				}
			}
		}()
		return client, nil
	}
	h.most.Store(max(h.most.Load(), h.now.Add(1)))
	defer h.now.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	<-ctx.Done()
	return nil, errNoDial
}

func newHanging(h *hanging) *h2.Pool {
	return newPool(h.peer, func(o *h2.Options) { o.Dial, o.MaxConnections = h.dial, 1024 })
}

// P8: a dial that hangs holds up nobody for long, whether the pool had connections before or
// not: the next one is begun after 0.5 s.
func TestP8ADialThatHangsIsOutdone(t *testing.T) {
	t.Parallel()
	for _, warm := range []bool{false, true} {
		for _, mute := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				h := &hanging{peer: &peer{}, mute: mute}
				pool := newHanging(h)
				defer pool.CloseIdleConnections()
				if warm {
					if err := ask(t.Context(), pool); err != nil {
						t.Fatal(err)
					}
					time.Sleep(61 * time.Second) // it is idle, and closed
				}
				h.left.Store(3)
				begun, before := time.Now(), h.dials.Load()
				err := ask(t.Context(), pool)
				if took, n := time.Since(begun), h.dials.Load()-before; err != nil || took != 1500*time.Millisecond || n != 4 {
					t.Errorf("warm %v, mute %v: %v after %v and %d dials, want 1.5 s and 4", warm, mute, err, took, n)
				}
			})
		}
	}
}

// P8: a further attempt and a hedge of a call do not count on the dial that its first attempt
// has waited for.
func TestP8AFurtherAttemptDialsItself(t *testing.T) {
	t.Parallel()
	// Beside a hedge the first attempt still waits, and comes first.
	for hedge, dials := range map[bool]int64{false: 2, true: 3} {
		synctest.Test(t, func(t *testing.T) {
			h := &hanging{peer: &peer{}}
			h.left.Store(1)
			pool := newHanging(h)
			defer pool.CloseIdleConnections()
			var used h2.Used
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), h2.UsedKey{}, &used))
			defer cancel()
			first := make(chan error, 1)
			go func() { first <- ask(ctx, pool) }()
			time.Sleep(100 * time.Millisecond)
			if !hedge {
				cancel()
				<-first
			}
			begun := time.Now()
			if err := ask(context.WithValue(t.Context(), h2.UsedKey{}, &used), pool); err != nil || time.Since(begun) > 0 || h.dials.Load() != dials {
				t.Errorf("hedge %v: %v after %v and %d dials", hedge, err, time.Since(begun), h.dials.Load())
			}
		})
	}
}

// P8: who avoids a connection that goes on takes it all the same where another one is not to
// be had soon.
func TestP8WhoAvoidsAConnectionDoesNotWaitForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{peer: &peer{}}
		h.peer.onRequest = func(c *peerConn, stream uint32) {
			c.out <- func(w *http2.Framer) { _ = w.WriteRSTStream(stream, http2.ErrCodeInternal) }
		}
		pool := newHanging(h)
		defer pool.CloseIdleConnections()
		var used h2.Used
		ctx := context.WithValue(t.Context(), h2.UsedKey{}, &used)
		if err := ask(ctx, pool); err == nil {
			t.Fatal("the first attempt was not reset")
		}
		h.peer.onRequest = nil
		h.left.Store(1000)
		begun := time.Now()
		if err := ask(ctx, pool); err != nil || time.Since(begun) != 500*time.Millisecond {
			t.Errorf("%v after %v, want 500 ms", err, time.Since(begun))
		}
	})
}

// P8: dials that hang are bounded, however many calls come, and begun anew as long as calls
// wait.
func TestP8DialsThatHangAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{peer: &peer{}}
		h.left.Store(1 << 30)
		pool := newHanging(h)
		for range 200 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				_ = ask(ctx, pool)
			}()
		}
		time.Sleep(14 * time.Second)
		if n := h.now.Load(); n != 16 || h.most.Load() > 17 {
			t.Errorf("%d dials hang, %d at most", n, h.most.Load())
		}
		h.left.Store(0)
		begun := time.Now()
		if err := ask(t.Context(), pool); err != nil || time.Since(begun) > 2*time.Second {
			t.Errorf("when dials are possible again: %v after %v", err, time.Since(begun))
		}
		pool.CloseIdleConnections()
		synctest.Wait()
		if n := h.now.Load(); n != 0 {
			t.Errorf("%d dials are left", n)
		}
	})
}

// P8: a pool that was closed while a call waited leaves no dial behind when the call has ended.
func TestP8AClosedPoolGivesUpDialsThatHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{peer: &peer{}}
		h.left.Store(1)
		pool := newHanging(h)
		time.AfterFunc(100*time.Millisecond, pool.CloseIdleConnections)
		if err := ask(t.Context(), pool); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := h.now.Load(); n != 0 || h.peer.open.Load() != 0 {
			t.Errorf("%d dials hang, %d connections are open", n, h.peer.open.Load())
		}
	})
}
