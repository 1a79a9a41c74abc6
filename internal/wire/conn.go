// Package wire makes exchanges of HTTP/1.1 (RFC 9112) over one connection, one after another,
// each in the goroutine of who asks. net/http takes two goroutines, four hand-overs and a
// timer for each. What a server sends is taken as the RFC wants it to be sent, and no other
// way: after a doubt the connection is closed, and no further request sees what is left on it.
package wire

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"
)

// FaultError says how a response is not one of HTTP/1.1. It quotes nothing of it.
type FaultError struct{ What string }

// Error implements error.
func (e FaultError) Error() string { return "malformed HTTP response: " + e.What }

func fault(what string) error { return FaultError{what} }

// Options are those of a Conn.
type Options struct {
	// Conn is what is read and written, above TLS.
	Conn net.Conn
	// Socket is what Conn is made of, a *tls.Conn or one of the system's. It is asked whether
	// something has come while nobody reads.
	Socket net.Conn
	// MaxHead bounds, in bytes, the heads of one response: those of interim ones and its
	// trailers included.
	MaxHead int
	// Buffer is what the connection is read by, which is nobody else's until the last exchange has
	// ended. Default: one of 4 KiB, which is also the least that it may have.
	Buffer *bufio.Reader
	// Ended is called when the body of a response has ended, been closed or failed: before
	// who reads it learns that, once, and not where RoundTrip returns no body.
	Ended func()
}

// Conn is one connection. One exchange goes on at a time; Close may be called at any time.
type Conn struct {
	options Options
	in      *bufio.Reader
	socket  socket
	free    bool // no exchange goes on, and another one may begin
}

// ReadBuffer is how much is read at once, in bytes.
const ReadBuffer = 4 << 10

// New returns a Conn on which nothing has been sent yet.
func New(o Options) *Conn {
	in := o.Buffer
	if in == nil {
		in = bufio.NewReaderSize(o.Conn, ReadBuffer)
	} else {
		in.Reset(o.Conn)
	}
	return &Conn{options: o, in: in, socket: newSocket(o.Socket), free: true}
}

// Free reports whether the last exchange has come to its end and left the connection ready
// for another one. It is for whoever has seen that end.
func (c *Conn) Free() bool { return c.free }

// Close closes the connection. An exchange that goes on fails.
func (c *Conn) Close() error { return c.options.Conn.Close() }

// interrupt ends whatever waits on the connection.
func (c *Conn) interrupt() { _ = c.options.Conn.SetDeadline(time.Unix(1, 0)) }

// RoundTrip sends a request and waits for the head of its response, until the end of the
// request's context, which ends the reading of the body as well. The request has a length: a
// body that goes on without one is refused. It closes the request's body; what is not sent by
// then is sent beside, for a server may answer before it has heard everything. Nothing is
// repeated, and of interim responses none is passed on. Where nothing was written, the
// connection is Free still.
func (c *Conn) RoundTrip(r *http.Request) (*http.Response, error) {
	out := buffers.Get().(*[]byte)
	first, rest, err := c.appendRequest((*out)[:0], r)
	if err == nil {
		err = context.Cause(r.Context())
	}
	if err != nil {
		give(out, first)
		closeBody(r)
		return nil, err
	}
	c.free = false
	x := &exchange{conn: c, ctx: r.Context(), head: c.options.MaxHead}
	x.tie()
	sent := x.send(r, first, rest)
	give(out, first)
	if sent != nil {
		x.last = true
		x.lastWords()
	}
	if err = x.receive(r); err != nil {
		x.end(false)
		return nil, x.failure(err, sent)
	}
	return &x.response, nil
}
