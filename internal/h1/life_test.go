package h1_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/h1"
)

// P4: a connection is reused as long as its server announces, less a second or half; 4 s
// where it announces nothing; never beyond a bound of ours.
func TestP4IdleTimes(t *testing.T) {
	t.Parallel()
	const tick = time.Millisecond
	for fields, life := range map[string]time.Duration{
		"":                                                    4 * time.Second,
		"Keep-Alive: timeout=5\r\n":                           4 * time.Second,
		"Keep-Alive: timeout=5, max=100\r\n":                  4 * time.Second,
		"Keep-Alive: max=100,timeout = 20\r\n":                19 * time.Second,
		"keep-alive: Timeout=\"20\"\r\n":                      19 * time.Second,
		"Keep-Alive: timeout=20;max=5\r\n":                    19 * time.Second,
		"Keep-Alive: timeout=2\r\n":                           time.Second,
		"Keep-Alive: timeout=1\r\n":                           500 * time.Millisecond,
		"Keep-Alive: timeout=600\r\n":                         time.Minute,
		"Keep-Alive: timeout=99999999999999999999999\r\n":     time.Minute,
		"Keep-Alive: timeout=0\r\n":                           0,
		"Keep-Alive: timeout=20, max=0\r\n":                   0,
		"Connection: close\r\nKeep-Alive: timeout=20\r\n":     0,
		"Keep-Alive: timeout=20\r\nKeep-Alive: timeout=3\r\n": 2 * time.Second,
		"Keep-Alive: timeout=20, timeout=3\r\n":               2 * time.Second,
		"Keep-Alive: timeout=-5\r\n":                          4 * time.Second,
		"Keep-Alive: 300\r\n":                                 4 * time.Second,
		"Keep-Alive: timeout\r\n":                             4 * time.Second,
		"Keep-Alive: timeout=soon, max=\r\n":                  4 * time.Second,
		"Keep-Alive: ,;=\r\n":                                 4 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &peer{fields: fields}
			pool := newPool(t, p)
			mustAsk(t.Context(), t, pool, 1, fields)
			n := int64(1)
			if life > 0 {
				time.Sleep(life - tick)
				mustAsk(t.Context(), t, pool, n, fields+" just before")
			} else {
				n++
				mustAsk(t.Context(), t, pool, n, fields+" at once")
			}
			time.Sleep(life + tick)
			mustAsk(t.Context(), t, pool, n+1, fields+" after its time")
			time.Sleep(life + 3*time.Second)
			if open := p.open.Load(); open != 0 {
				t.Errorf("%q: %d connections are open that nobody may use", fields, open)
			}
		})
	}
}

// P4: a server that says less than before, or nothing any more, is not believed the more.
func TestP4TheLastAnnouncementCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{fields: "Keep-Alive: timeout=20\r\n"}
		pool := newPool(t, p)
		mustAsk(t.Context(), t, pool, 1, "the first")
		time.Sleep(10 * time.Second)
		p.fields = ""
		mustAsk(t.Context(), t, pool, 1, "within 19 s")
		time.Sleep(5 * time.Second)
		p.fields = "Keep-Alive: timeout=2\r\n"
		mustAsk(t.Context(), t, pool, 2, "after 4 s of which nothing was said")
		p.fields = ""
		time.Sleep(500 * time.Millisecond)
		mustAsk(t.Context(), t, pool, 2, "within 1 s")
		time.Sleep(1100 * time.Millisecond)
		mustAsk(t.Context(), t, pool, 3, "after 1 s, which still holds")
	})
}

// P4: the server's clock runs from when it has written its response, not from when the
// client of the proxy has taken it.
func TestP4SlowReadersLengthenNoLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{idle: 5 * time.Second}
		pool := newPool(t, p)
		response, err := pool.RoundTrip(request(t.Context(), t, "GET"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(4500 * time.Millisecond) // the body has come
		drain(response)
		time.Sleep(499 * time.Millisecond) // the server closes in 1 ms
		mustAsk(t.Context(), t, pool, 2, "after 5 s less 1 ms for the server")
	})
}

// P4: what may not be repeated takes a connection on which its server has answered just
// now, or a new one; an older one where there is no other.
func TestP4WhatMayNotBeRepeatedTakesAYoungConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		pool := newPool(t, p)
		careful := h1.Careful(t.Context())
		mustAsk(careful, t, pool, 1, "the first")
		time.Sleep(time.Second)
		mustAsk(careful, t, pool, 1, "after a second")
		time.Sleep(1001 * time.Millisecond)
		mustAsk(careful, t, pool, 2, "after more")
		time.Sleep(2 * time.Second)
		mustAsk(t.Context(), t, pool, 2, "what may be repeated, after 2 s")
		mustAsk(h1.Fresh(t.Context()), t, pool, 3, "what was let down")
		mustAsk(careful, t, pool, 3, "the youngest of three")
		p.fields = "Keep-Alive: timeout=41\r\n"
		mustAsk(t.Context(), t, pool, 3, "announces 41 s")
		time.Sleep(10 * time.Second)
		mustAsk(careful, t, pool, 3, "a quarter of 40 s")
	})
}

// P4: an older connection is better than none.
func TestP4AnOlderConnectionIsBetterThanNone(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		modify func(*h1.Options)
		hang   bool
		after  time.Duration
	}{
		"there may be no other":     {func(o *h1.Options) { o.MaxConnections = 1 }, false, 0},
		"no other can be made":      {func(*h1.Options) {}, false, 0},
		"another one takes a while": {func(*h1.Options) {}, true, 500 * time.Millisecond},
	} {
		for _, context := range []string{"careful", "fresh"} {
			synctest.Test(t, func(t *testing.T) {
				p := &peer{}
				pool := newPool(t, p, row.modify)
				mustAsk(t.Context(), t, pool, 1, name)
				time.Sleep(2 * time.Second)
				p.onDial = refuse(row.hang)
				ctx, begun := h1.Careful(t.Context()), time.Now()
				if context == "fresh" {
					ctx = h1.Fresh(t.Context())
				}
				mustAsk(ctx, t, pool, 1, name+", "+context)
				if took := time.Since(begun); took != row.after {
					t.Errorf("%s, %s: took %v, want %v", name, context, took, row.after)
				}
			})
		}
	}
}
