package h1_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Those who wait for a connection get one in the order in which they came, whether it is given
// back or a new one, and whether they may take any or want a young one; who leaves the line
// holds nobody up.
func TestWaitersAreServedInTurn(t *testing.T) {
	t.Parallel()
	const most, callers = 2, 20
	for name, kept := range map[string]bool{"connections that are given back": true, "new ones": false} {
		synctest.Test(t, func(t *testing.T) {
			p := &peer{}
			if !kept {
				p.fields = "Connection: close\r\n"
			}
			p.onRequest = func(n int64, _ *http.Request, w io.Writer) bool {
				time.Sleep(time.Second)
				return p.answer(n, w) && kept
			}
			pool := newPool(t, p, func(o *h1.Options) { o.MaxConnections = most })
			var mu sync.Mutex
			var served, want []int
			var running sync.WaitGroup
			for i := range callers {
				ctx := t.Context()
				if i%2 == 1 {
					ctx = h1.Careful(ctx)
				}
				leaves := i%5 == 4 // long before its turn
				if leaves {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
					defer cancel()
				} else {
					want = append(want, i)
				}
				running.Go(func() {
					_, err := ask(ctx, pool)
					if leaves != errors.Is(err, context.DeadlineExceeded) || !leaves && err != nil {
						t.Errorf("%s: caller %d: %v", name, i, err)
						return
					}
					if leaves {
						return
					}
					mu.Lock()
					defer mu.Unlock()
					served = append(served, i)
				})
				time.Sleep(time.Millisecond)
			}
			running.Wait()
			if !slices.Equal(served, want) {
				t.Errorf("%s: served %v, want %v", name, served, want)
			}
			pool.CloseIdleConnections()
		})
	}
}

// A server that sends more than its answer has it taken for no answer by who waits for the
// connection: it is looked at before it is handed over, as one that was idle is. What is read
// past the reader's own buffer has left the rest with the system.
func TestWaitersAreHandedNoAnswers(t *testing.T) {
	t.Parallel()
	const size = 16 << 10 // more than is buffered
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heads, sent := make(chan struct{}, 2), make(chan struct{}, 2)
	var running sync.WaitGroup
	running.Go(func() {
		for n := 1; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				for {
					if _, err := http.ReadRequest(in); err != nil {
						return
					}
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
					select {
					case <-heads: // which were read apart from what follows
					case <-t.Context().Done():
						return
					}
					_, _ = fmt.Fprintf(conn, "%0*dHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled", size, n)
					sent <- struct{}{}
				}
			})
		}
	})
	pool := h1.New(h1.Options{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
		},
		MaxConnections: 1, MaxIdle: 1, IdleTimeout: time.Minute, MaxResponseHeader: 1 << 10,
	})
	t.Cleanup(func() {
		pool.CloseIdleConnections()
		_ = listener.Close()
		running.Wait()
	})
	first, err := pool.RoundTrip(request(t.Context(), t, "GET"))
	if err != nil {
		t.Fatal(err)
	}
	heads <- struct{}{}
	<-sent
	second := make(chan string, 1)
	running.Go(func() {
		response, err := pool.RoundTrip(request(t.Context(), t, "GET"))
		if err != nil {
			second <- err.Error()
			return
		}
		heads <- struct{}{}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		second <- strings.TrimLeft(string(body), "0")
	})
	testkit.Eventually(t, "somebody waits", func() bool { return pool.Waiting() == 1 })
	if n, err := io.ReadFull(first.Body, make([]byte, size)); n != size || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	_ = first.Body.Close()
	if got := <-second; got != "2" {
		t.Errorf("who waited got %q, want the answer of the second connection", got)
	}
}
