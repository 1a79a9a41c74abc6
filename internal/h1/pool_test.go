package h1_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/h1"
)

func request(ctx context.Context, t *testing.T, method string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://server/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func drain(response *http.Response) {
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

// refuse refuses dials, or lets them hang.
func refuse(hang bool) func(context.Context, int64) error {
	return func(ctx context.Context, _ int64) error {
		if hang {
			<-ctx.Done()
		}
		return errNoDial
	}
}

// Responses without a body, whole ones and such that are left in the middle.
func TestConnectionsAreGivenBack(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		method, response string
		read             int64 // -1 for all
		again            bool
	}{
		"a whole body":              {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", -1, true},
		"chunks":                    {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", -1, true},
		"none":                      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", -1, true},
		"to HEAD":                   {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", -1, true},
		"204":                       {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 0, true},
		"304":                       {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, true},
		"until the end":             {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", -1, false},
		"left in the middle":        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 1, false},
		"HTTP/1.0":                  {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", -1, false},
		"more than was asked":       {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", -1, false},
		"a body that is no chunk's": {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", -1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &peer{}
			p.onRequest = func(n int64, r *http.Request, w io.Writer) bool {
				if p.asked.Load() > 1 {
					return p.answer(n, w)
				}
				_, _ = io.WriteString(w, row.response)
				return row.again || row.read > 0 && hold(r)
			}
			pool := newPool(t, p)
			response, err := pool.RoundTrip(request(t.Context(), t, row.method))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if row.read < 0 {
				_, _ = io.Copy(io.Discard, response.Body)
			} else {
				_, _ = io.CopyN(io.Discard, response.Body, row.read)
			}
			_, _ = response.Body.Close(), response.Body.Close()
			synctest.Wait()
			want := int64(1)
			if !row.again {
				want = 2
			}
			mustAsk(t.Context(), t, pool, want, name)
			time.Sleep(2 * time.Second) // for hold
		})
	}
}

func hold(*http.Request) bool {
	time.Sleep(time.Second)
	return false
}

// What is known of a request that was not answered.
func TestWhatIsProved(t *testing.T) {
	t.Parallel()
	const died, neither = "died", "neither"
	for name, row := range map[string]struct {
		used bool
		end  func(io.Writer) // of the connection, with the request that counts
		want string
	}{
		"a fresh connection ends":      {false, func(io.Writer) {}, neither},
		"one that was used ends":       {true, func(io.Writer) {}, died},
		"it ends in the middle":        {true, func(w io.Writer) { _, _ = io.WriteString(w, "HTTP/1.1 2") }, neither},
		"it ends after an interim one": {true, func(w io.Writer) { _, _ = io.WriteString(w, "HTTP/1.1 103 Early Hints\r\n\r\n") }, neither},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &peer{}
			used := !row.used
			p.onRequest = func(n int64, _ *http.Request, w io.Writer) bool {
				if !used {
					used = true
					return p.answer(n, w)
				}
				row.end(w)
				return false
			}
			pool := newPool(t, p)
			if row.used {
				mustAsk(t.Context(), t, pool, 1, name)
			}
			_, err := ask(t.Context(), pool)
			got := neither
			if _, ok := errors.AsType[h1.DiedError](err); ok {
				got = died
			}
			if got != row.want || err == nil {
				t.Errorf("%s: %s (%v), want %s", name, got, err, row.want)
			}
		})
	}
}

// A request of which nothing could be written may be sent again, and its connection is as good as it was.
func TestWhatIsNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		pool := newPool(t, p)
		mustAsk(t.Context(), t, pool, 1, "the first")
		r := request(t.Context(), t, "GET")
		r.Header["X-A"] = []string{"a\nb"}
		if _, err := pool.RoundTrip(r); err == nil {
			t.Error("a line break is sent")
		} else if _, ok := errors.AsType[h1.UnsentError](err); !ok {
			t.Errorf("it is not told that nothing was written: %v", err)
		}
		mustAsk(t.Context(), t, pool, 1, "the next")
		pool.CloseIdleConnections()
	})
}

// Connections are bounded, those who wait are served in turn, and what is idle is bounded.
func TestBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		p.onRequest = func(n int64, _ *http.Request, w io.Writer) bool {
			time.Sleep(time.Second)
			return p.answer(n, w)
		}
		pool := newPool(t, p)
		var running sync.WaitGroup
		begun := time.Now()
		for range 24 {
			running.Go(func() {
				if _, err := ask(t.Context(), pool); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if took := time.Since(begun); p.dialled.Load() != 8 || took != 3*time.Second {
			t.Errorf("%d connections in %v, want 8 in 3 s", p.dialled.Load(), took)
		}
		synctest.Wait()
		if open := p.open.Load(); open != 4 {
			t.Errorf("%d connections are kept, want 4", open)
		}
	})
}

// The error of a dial is that of its request, a dial goes on when its request has left, and
// one that hangs holds nobody up who comes later.
func TestDials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{onDial: refuse(false)}
		pool := newPool(t, p, func(o *h1.Options) { o.MaxConnections = 2 })
		for range 5 {
			if _, err := ask(t.Context(), pool); !errors.Is(err, errNoDial) {
				t.Errorf("a dial was refused: %v", err)
			}
		}
		p.onDial = func(ctx context.Context, n int64) error {
			if n != 6 {
				return nil
			}
			time.Sleep(2 * time.Second)
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ask(ctx, pool); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("its time was up: %v", err)
		}
		mustAsk(t.Context(), t, pool, 7, "while the other dial hangs")
		time.Sleep(1500 * time.Millisecond) // now it does not
		first, err := pool.RoundTrip(request(t.Context(), t, "GET"))
		if err != nil {
			t.Fatal(err)
		}
		mustAsk(t.Context(), t, pool, 7, "beside it")
		drain(first)
		if n := p.dialled.Load(); n != 7 {
			t.Errorf("%d dials: one went to waste", n)
		}
	})
}

// A pool that is closed serves what goes on, and keeps nothing.
func TestClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		pool := newPool(t, p)
		response, err := pool.RoundTrip(request(t.Context(), t, "GET"))
		if err != nil {
			t.Fatal(err)
		}
		mustAsk(t.Context(), t, pool, 2, "the other")
		pool.CloseIdleConnections()
		synctest.Wait()
		if open := p.open.Load(); open != 1 {
			t.Errorf("%d connections are open, want the one in use", open)
		}
		drain(response)
		mustAsk(t.Context(), t, pool, 3, "a request that comes late")
		synctest.Wait()
		if open := p.open.Load(); open != 0 {
			t.Errorf("%d connections are left open", open)
		}
	})
}

// Whatever servers, dials and callers do: every request ends within its time, and a closed
// pool leaves nothing behind.
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
			p := &peer{idle: time.Duration(1+roll(3000)) * time.Millisecond}
			p.onRequest = func(n int64, _ *http.Request, w io.Writer) bool {
				time.Sleep(time.Duration(roll(300)) * time.Millisecond)
				switch roll(8) {
				case 0:
					return false
				case 1:
					_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nConte")
					return false
				case 2:
					time.Sleep(time.Minute)
					return false
				}
				return p.answer(n, w)
			}
			p.onDial = func(ctx context.Context, n int64) error {
				switch roll(8) {
				case 0:
					return errNoDial
				case 1:
					time.Sleep(10 * time.Second)
				case 2:
					return refuse(true)(ctx, n)
				}
				return nil
			}
			pool := newPool(t, p, func(o *h1.Options) { o.MaxConnections, o.MaxIdle = 20+roll(20), 1+roll(4) })
			var running sync.WaitGroup
			for range 20 {
				running.Go(func() {
					for range 20 {
						limit := time.Duration(1+roll(3000)) * time.Millisecond
						ctx, cancel := context.WithTimeout(t.Context(), limit)
						switch roll(3) {
						case 0:
							ctx = h1.Careful(ctx)
						case 1:
							ctx = h1.Fresh(ctx)
						}
						called := time.Now()
						_, _ = ask(ctx, pool)
						if took := time.Since(called); took > limit {
							t.Errorf("seed %d: a request of %v took %v", seed, limit, took)
						}
						cancel()
						time.Sleep(time.Duration(roll(500)) * time.Millisecond)
					}
				})
			}
			running.Wait()
			pool.CloseIdleConnections()
			time.Sleep(2 * time.Minute)
			if n := p.open.Load(); n != 0 {
				t.Errorf("seed %d: %d connections are left open", seed, n)
			}
		})
	}
}
