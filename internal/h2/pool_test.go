package h2_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/fanout-operator/fanout/internal/h2"
)

var (
	errLate   = errors.New("late")
	errNoDial = errors.New("no connection")
)

// P8: a server that is slow is asked twice and then left alone, as servers of gRPC end a
// connection on which they are asked four times while they say nothing else. A further call
// does not go where nobody may ask any more.
func TestP8ASlowServerIsAskedTwiceAndKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{onRequest: func(c *peerConn, stream uint32) {
			time.AfterFunc(10*time.Minute, func() { c.answer(stream) })
		}}
		pool := newPool(p)
		defer pool.CloseIdleConnections()
		begun := time.Now()
		go func() {
			time.Sleep(1100 * time.Millisecond)
			if n := p.pings.Load(); n != 1 {
				t.Errorf("%d questions in the first second, want 1", n)
			}
		}()
		if err := ask(t.Context(), pool); err != nil || time.Since(begun) != 10*time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if n := p.pings.Load(); n != 2 || p.dialed.Load() != 1 {
			t.Errorf("%d questions in 10 min, on %d connections, want 2 on 1", n, p.dialed.Load())
		}
		time.Sleep(40 * time.Second) // it is idle, and has answered since
		if n := p.pings.Load(); n != 3 {
			t.Errorf("%d questions while it was idle, want 1", n-2)
		}
		go func() { _ = ask(t.Context(), pool) }()
		time.Sleep(time.Minute)
		if n := p.pings.Load(); n != 4 {
			t.Errorf("%d questions from one response to the next, want 2", n-2)
		}
		p.mute.Store(1)
		p.onRequest = nil
		if err := ask(t.Context(), pool); err != nil || p.dialed.Load() != 2 {
			t.Errorf("a further call: %v, on %d connections", err, p.dialed.Load())
		}
		time.Sleep(10 * time.Minute)
	})
}

// A server that says nothing any more is given up within 2 s, and the next call has another
// connection at once.
func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		pool := newPool(p)
		defer pool.CloseIdleConnections()
		if err := ask(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) // idle, but not for long enough to be asked
		p.mute.Store(1)
		begun := time.Now()
		err := ask(t.Context(), pool)
		if took := time.Since(begun); err == nil || took < time.Second || took > 2*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if _, ok := errors.AsType[h2.UnprocessedError](err); ok {
			t.Errorf("nobody knows whether it was processed: %v", err)
		}
		begun = time.Now()
		if err := ask(t.Context(), pool); err != nil || time.Since(begun) > 0 {
			t.Errorf("the next: %v after %v", err, time.Since(begun))
		}
	})
}

// Where a request was late and nothing came back, the next one does not go there.
func TestALateRequestMakesTheNextOneTurnAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			cause error
			alive bool
			conns int64
		}{{errLate, false, 2}, {errLate, true, 1}, {context.Canceled, true, 1}, {context.Canceled, false, 1}} {
			p := &peer{}
			if row.alive {
				p.onRequest = func(*peerConn, uint32) {}
			}
			pool := newPool(p)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(100*time.Millisecond, func() { cancel(row.cause) })
			if !row.alive {
				_ = ask(t.Context(), pool)
				p.mute.Store(1)
			}
			if err := ask(ctx, pool); !errors.Is(err, context.Canceled) {
				t.Errorf("%+v: %v", row, err)
			}
			synctest.Wait() // for the answer to the question
			p.onRequest = nil
			next, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_ = ask(next, pool)
			stop()
			if n := p.dialed.Load(); n != row.conns {
				t.Errorf("%+v: %d connections", row, n)
			}
			pool.CloseIdleConnections()
			time.Sleep(5 * time.Second)
			if n := p.open.Load(); n != 0 {
				t.Errorf("%+v: %d connections are left open", row, n)
			}
		}
	})
}

// Calls wait where there is no further connection, first come, first served; those that
// leave take nobody's place.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{streams: 3, onRequest: func(c *peerConn, stream uint32) {
			time.AfterFunc(100*time.Millisecond, func() { c.answer(stream) })
		}}
		pool := newPool(p, func(o *h2.Options) { o.MaxConnections = 2 })
		defer pool.CloseIdleConnections()
		var running sync.WaitGroup
		var ended atomic.Int64
		begun := time.Now()
		for range 20 {
			running.Go(func() {
				if err := ask(t.Context(), pool); err != nil {
					t.Error(err)
				}
				ended.Add(1)
			})
			running.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if err := ask(ctx, pool); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("one that leaves: %v", err)
				}
			})
		}
		running.Wait()
		// Two of the three streams of two connections.
		if took := time.Since(begun); p.dialed.Load() != 2 || took < 500*time.Millisecond || took > 600*time.Millisecond {
			t.Errorf("%d calls in %v on %d connections", ended.Load(), took, p.dialed.Load())
		}
	})
}

// P8: an attempt after one that was reset gets another connection, and one of those that it
// has used where no other can be had. One that was answered says nothing against its own.
func TestP8AFurtherAttemptTakesAnotherConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		reset := func(c *peerConn, stream uint32) {
			c.out <- func(w *http2.Framer) { _ = w.WriteRSTStream(stream, http2.ErrCodeInternal) }
		}
		pool := newPool(p)
		defer pool.CloseIdleConnections()
		var used h2.Used
		ctx := context.WithValue(t.Context(), h2.UsedKey{}, &used)
		for range 3 {
			if err := ask(ctx, pool); err != nil || p.dialed.Load() != 1 {
				t.Errorf("after an answer: %v, on %d connections", err, p.dialed.Load())
			}
		}
		p.onRequest = reset
		for i := range int64(3) {
			if err := ask(ctx, pool); err == nil || p.dialed.Load() != i+1 {
				t.Errorf("attempt %d: %v, on %d connections", i, err, p.dialed.Load())
			}
		}
		p.onRequest = nil
		if err := ask(t.Context(), pool); err != nil || p.dialed.Load() != 3 {
			t.Errorf("another call: %v, on %d connections", err, p.dialed.Load())
		}
		p.refuse.Store(new(errNoDial))
		if err := ask(ctx, pool); err != nil {
			t.Errorf("where no other can be had: %v", err)
		}
	})
}

// All that wait for a connection are told that there is none.
func TestDialsThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		var dials atomic.Int64
		pool := newPool(p, func(o *h2.Options) {
			o.Dial = func(context.Context) (net.Conn, error) {
				dials.Add(1)
				time.Sleep(400 * time.Millisecond)
				return nil, errNoDial
			}
		})
		var running sync.WaitGroup
		for range 20 {
			running.Go(func() {
				if err := ask(t.Context(), pool); !errors.Is(err, errNoDial) {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if n := dials.Load(); n != 1 {
			t.Errorf("%d dials", n)
		}
	})
}

// A closed pool gives up what is idle and what nobody waits for, and serves who goes on.
func TestClosing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{onRequest: func(c *peerConn, stream uint32) {
			time.AfterFunc(time.Second, func() { c.answer(stream) })
		}}
		pool := newPool(p)
		ended := make(chan error)
		go func() { ended <- ask(t.Context(), pool) }()
		time.Sleep(500 * time.Millisecond)
		pool.CloseIdleConnections()
		synctest.Wait()
		if n := p.open.Load(); n != 1 {
			t.Errorf("%d connections while a call goes on", n)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := ask(t.Context(), pool); err != nil {
			t.Errorf("a repetition after that: %v", err)
		}
		synctest.Wait()
		if n := p.open.Load(); n != 0 {
			t.Errorf("%d connections at the end", n)
		}
		var dials atomic.Int64
		stuck := newPool(p, func(o *h2.Options) {
			o.Dial = func(ctx context.Context) (net.Conn, error) {
				if dials.Add(1) > 1 {
					return p.dial(ctx)
				}
				<-ctx.Done() // nobody would end it but the pool
				time.Sleep(time.Second)
				return nil, ctx.Err()
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := ask(ctx, stuck); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a connection: %v", err)
		}
		stuck.CloseIdleConnections()
		if err := ask(t.Context(), stuck); err != nil {
			t.Errorf("while a dial is being given up: %v", err)
		}
	})
}

// slowToClose is a connection whose end takes its time, as that of TLS does.
type slowToClose struct{ net.Conn }

// Close implements net.Conn.
func (c slowToClose) Close() error {
	time.Sleep(200 * time.Millisecond)
	return c.Conn.Close()
}

// A connection makes room for another one when it has been closed, not before.
func TestAConnectionThatWasClosedMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{streams: 1}
		pool := newPool(p, func(o *h2.Options) {
			o.MaxConnections = 1
			o.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := p.dial(ctx)
				return slowToClose{conn}, err
			}
		})
		defer pool.CloseIdleConnections()
		_ = ask(t.Context(), pool)
		p.mute.Store(1)
		var running sync.WaitGroup
		var failed atomic.Int64
		for range 3 {
			running.Go(func() {
				if ask(t.Context(), pool) != nil {
					failed.Add(1)
				}
			})
		}
		running.Wait()
		if failed.Load() != 1 || p.dialed.Load() != 2 {
			t.Errorf("%d calls failed, on %d connections", failed.Load(), p.dialed.Load())
		}
	})
}

// A connection that is idle for too long, or that the server ends while it is idle, is
// replaced; no call notices.
func TestIdleConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		pool := newPool(p)
		defer pool.CloseIdleConnections()
		for i, between := range []func(){
			func() {},
			func() { time.Sleep(59 * time.Second) },
			func() { time.Sleep(61 * time.Second) },
			func() {
				last := p.conns[len(p.conns)-1]
				last.out <- func(w *http2.Framer) { _ = w.WriteGoAway(1, http2.ErrCodeNo, nil) }
				synctest.Wait()
			},
		} {
			between()
			if err := ask(t.Context(), pool); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
			synctest.Wait()
			if want := []int64{1, 1, 2, 3}[i]; p.dialed.Load() != want || p.open.Load() != 1 {
				t.Errorf("call %d: %d connections were made, want %d; %d are open", i, p.dialed.Load(), want, p.open.Load())
			}
		}
	})
}

// What does not speak HTTP/2 is no connection.
func TestAServerWithoutSettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, close := range []bool{true, false} {
			pool := newPool(&peer{}, func(o *h2.Options) {
				o.Dial = func(context.Context) (net.Conn, error) {
					client, server := net.Pipe()
					go func() {
						for buffer := make([]byte, 100); !close; {
							if _, err := server.Read(buffer); err != nil {
								break
							}
						}
						_ = server.Close()
					}()
					return client, nil
				}
			})
			begun := time.Now()
			if err := ask(t.Context(), pool); err == nil || time.Since(begun) > 10*time.Second {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
			pool.CloseIdleConnections()
			synctest.Wait() // for the dials that were made meanwhile
		}
	})
}
