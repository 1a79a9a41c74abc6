package proxy

import (
	"bytes"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/gate"
)

// client is the connection of one client.
type client struct {
	net.Conn

	raw     net.Conn // below TLS
	clients *clients
	address netip.Addr // not valid where the connection is not counted by one
	head    heads
	// overflown says that a head had too many lines. It is for the goroutine that reads.
	overflown bool
	run       int  // bytes that were read since others had their turn; for the goroutine that reads
	flow      flow // where they are frames of HTTP/2
	// socket is below Conn; nil where nobody knows whether a read waits. waited says that one
	// has since the last turn: others had theirs then.
	socket  *socket
	waited  bool
	greeted sync.Once
	// certificates are what the client has shown, read with its first request.
	showing      sync.Once
	certificates *gate.Shown
	end          *list.Element // its place among those that are answered for the last time
	// calls are those under way whose requests have come.
	calls atomic.Int32
	// whole says that there is a request; waits is since when there is none, or a part of
	// one, since the clients began; idle says that nothing of the next one has come.
	whole, idle atomic.Bool
	waits       atomic.Int64
}

// wait says that from now on a request is waited for.
func (c *client) wait() { c.waits.Store(int64(time.Since(c.clients.began))) }

// clientKey is that of a request's *client in its context.
type clientKey struct{}

func withClient(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, clientKey{}, conn)
}

// clientOf is the connection of a request; nil where the proxy does not listen itself.
func clientOf(r *http.Request) *client {
	c, _ := r.Context().Value(clientKey{}).(*client)
	return c
}

// Read implements net.Conn. It looks at the heads of requests as they pass.
func (c *client) Read(b []byte) (int, error) {
	if c.overflown {
		return 0, errOverflow
	}
	if c.head.flooded() {
		return 0, c.overflow(b)
	}
	if c.run >= c.piece() || c.flow.over() {
		c.clients.pass(bulk.First)
		c.run = 0
	}
	n, err := c.Conn.Read(b)
	c.run += n
	if paused := c.socket.paused(); paused && len(b) > 1 { // of one byte net/http waits beside the request that it serves
		c.waited = true
	}
	if n > 0 && c.idle.Load() {
		c.idle.Store(false) // a request begins to come
		c.wait()
	}
	if err != nil {
		c.greet(err)
	}
	c.flow.see(c.head.see(b[:n]))
	if c.head.floods() {
		return 0, c.overflow(b)
	}
	return n, err // net/http looks at its type
}

// piece is how much is read between two pauses, in bytes: of a body as it comes on the wire,
// which may be six times what is in it.
func (c *client) piece() int {
	if c.head.comes() {
		return pieceOfHead
	}
	return bulk.Least
}

// overflow answers a head of more lines than anybody needs, and ends the connection once the
// client has, or half a second later, as net/http does with what it refuses: it would read
// such a head up to its own limit first, in pieces that it copies again and again, for 2 ms.
// What comes meanwhile goes through b.
func (c *client) overflow(b []byte) error {
	c.overflown = true
	_ = c.SetWriteDeadline(time.Now().Add(lingerTime))
	_, _ = io.WriteString(c.Conn, "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\n\r\n431 Request Header Fields Too Large")
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	for n, rest := 0, maxLinger; rest > 0; rest -= n {
		var err error
		if n, err = c.Conn.Read(b); err != nil {
			break
		}
	}
	return errOverflow
}

// errOverflow is an error of which net/http says nothing to the client.
var errOverflow error = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("the head has too many lines")}

const (
	// maxLinger is how much of what comes after a refusal is read, in bytes: a client that
	// sees its connection reset while it still sends may not see the response.
	maxLinger = 4 * maxHead
	// pieceOfHead is how much of a head is read between two pauses, in bytes: to read it and
	// what follows from it may take a millisecond for each 10 KiB.
	pieceOfHead = 16 << 10
)

// Close implements net.Conn.
func (c *client) Close() error {
	c.clients.mu.Lock()
	c.clients.drop(c)
	c.clients.mu.Unlock()
	return c.Conn.Close() // nobody reads it
}

// greet tells a client that speaks plainly where TLS is asked for.
func (c *client) greet(err error) {
	odd, ok := err.(tls.RecordHeaderError) //nolint:errorlint // of Conn itself, and nothing is made in vain
	if !ok || odd.Conn == nil || !bytes.ContainsAny(odd.RecordHeader[:1], "CDGHOPT") {
		return
	}
	c.greeted.Do(func() {
		_, _ = io.WriteString(c.raw, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nthis listener speaks TLS: ask it by https\n")
	})
}

// CloseWrite lets a client read the last response though it goes on writing: net/http
// closes so where a request was refused.
func (c *client) CloseWrite() error {
	c.clients.finish(c)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite() // nobody reads it
	}
	return nil
}
