package h1_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/h1"
)

var errNoDial = errors.New("no connection to be had")

// peer is a server in memory: its first connection is 1, the next one 2, and so on.
type peer struct {
	// fields are those of each response, beside its length; every line ends in CRLF.
	fields string
	// idle is how long it keeps a connection after a response; 0 for ever.
	idle time.Duration
	// onRequest, if set, answers; false closes.
	onRequest func(n int64, r *http.Request, w io.Writer) bool
	// onDial, if set, may hold a dial up or refuse it.
	onDial func(ctx context.Context, n int64) error

	dialled, open, asked atomic.Int64
}

func (p *peer) dial(ctx context.Context) (net.Conn, error) {
	n := p.dialled.Add(1)
	if p.onDial != nil {
		if err := p.onDial(ctx, n); err != nil {
			return nil, err
		}
	}
	ours, theirs := net.Pipe()
	p.open.Add(1)
	go func() {
		defer p.open.Add(-1)
		defer func() { _ = theirs.Close() }()
		p.serve(n, theirs)
	}()
	return ours, nil
}

func (p *peer) serve(n int64, conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_ = conn.SetReadDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, r.Body)
		p.asked.Add(1)
		if p.onRequest != nil {
			if !p.onRequest(n, r, conn) {
				return
			}
		} else if !p.answer(n, conn) {
			return
		}
		if p.idle > 0 {
			_ = conn.SetReadDeadline(time.Now().Add(p.idle))
		}
	}
}

// answer says on which connection it was asked.
func (p *peer) answer(n int64, w io.Writer) bool {
	body := fmt.Sprint(n)
	_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", p.fields, len(body), body)
	return err == nil
}

func newPool(t *testing.T, p *peer, modify ...func(*h1.Options)) *h1.Pool {
	t.Helper()
	o := h1.Options{Dial: p.dial, MaxConnections: 8, MaxIdle: 4, IdleTimeout: time.Minute, MaxResponseHeader: 1 << 10}
	for _, m := range modify {
		m(&o)
	}
	pool := h1.New(o)
	t.Cleanup(pool.CloseIdleConnections)
	return pool
}

// ask returns on which connection a request was answered.
func ask(ctx context.Context, pool *h1.Pool) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://server/", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := pool.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	var n int64
	_, err = fmt.Fscan(response.Body, &n)
	_, _ = io.Copy(io.Discard, response.Body)
	return n, err
}

// mustAsk expects an answer, and on which connection.
func mustAsk(ctx context.Context, t *testing.T, pool *h1.Pool, want int64, what string) {
	t.Helper()
	if n, err := ask(ctx, pool); n != want || err != nil {
		t.Errorf("%s: answered on connection %d, %v; want %d", what, n, err, want)
	}
}
