package h1_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
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

// A server that sends more than is read at once, in small parts, lets others go first now and
// then; one that is waited for does not, and neither do short responses, or content as it is.
func TestResponsesPauseInTurns(t *testing.T) {
	t.Parallel()
	const chunk = "1\r\na\r\n"
	chunks := strings.Repeat(chunk, 64<<10/len(chunk)) + "0\r\n\r\n" // 16 reads of 4 KiB
	for name, row := range map[string]struct {
		fields, rest string
		pieces       int
		wait         time.Duration
		asks, least  int64
		most         int64
	}{
		"chunks of a byte":                     {"Transfer-Encoding: chunked", chunks, 1, 0, 1, 3, 5},
		"chunks of a byte that are waited for": {"Transfer-Encoding: chunked", chunks, 17, time.Millisecond, 1, 0, 0},
		"short responses":                      {"Content-Length: 2", "{}", 1, 0, 100, 0, 0},
		"content":                              {"Content-Length: 1048576", strings.Repeat("a", 1<<20), 1, 0, 1, 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &peer{onRequest: func(_ int64, _ *http.Request, w io.Writer) bool {
				_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\n"+row.fields+"\r\n\r\n")
				for rest, size := row.rest, (len(row.rest)-1)/row.pieces+1; rest != ""; rest = rest[min(size, len(rest)):] {
					time.Sleep(row.wait)
					_, err = io.WriteString(w, rest[:min(size, len(rest))])
				}
				return err == nil
			}}
			var pauses atomic.Int64
			pool := newPool(t, p, func(o *h1.Options) { o.Pause = func() { pauses.Add(1) } })
			for range row.asks {
				response, err := pool.RoundTrip(request(t.Context(), t, "GET"))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{response.Body}, make([]byte, 64<<10)); err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
			}
			// The one connection was begun with a pause.
			if n := pauses.Load() - p.dialled.Load(); n < row.least || n > row.most {
				t.Errorf("%s: others had their turn %d times, want %d to %d", name, n, row.least, row.most)
			}
			pool.CloseIdleConnections()
		})
	}
}
