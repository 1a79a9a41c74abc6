package h2

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
)

// conn is one connection.
type conn struct {
	pool   *Pool
	client *http.ClientConn
	frames *frames
	watch  *watch
	max    int // streams that the server allows
	limit  int // calls at once, at most

	// What follows belongs to the pool's lock.
	calls int  // now
	most  int  // at once, for now
	taken int  // so far
	lost  int  // of which the server did nothing with
	left  bool // takes no calls any more
	idle  idle
}

// takes reports whether a further call may go onto the connection.
func (c *conn) takes() bool {
	if c.left || c.calls >= c.most || c.watch.silent() {
		return false
	}
	// net/http counts calls that were canceled until the server has heard of it, and lets a
	// further one wait for so long. Where there is neither a place nor so many, it was ended
	// (GOAWAY, closed), which nothing else tells. A place may just have become free.
	if c.client.Available() > 0 || c.client.InFlight() >= c.max || c.client.Available() > 0 {
		return true
	}
	if c.left = true; c.calls == 0 {
		go c.close() // it takes the pool's lock
	}
	return false
}

// begin counts a call in, and says whether it is not the connection's first.
func (c *conn) begin(used *Used) (reused bool) {
	used.add(c)
	c.calls++
	c.taken++
	c.watch.begin()
	return c.taken > 1
}

// end counts a call out. A server that ends its connections after a few calls, or refuses
// some, gets no more at once on a fresh one than it took, and one more with each that ends;
// otherwise it would do nothing with the rest again and again.
func (c *conn) end(lost bool) {
	c.calls--
	c.watch.end()
	if lost {
		c.lost++
		c.pool.trust = max(c.taken-c.lost, 1)
		return
	}
	c.pool.budget.refund(pace / worth)
	c.most = min(c.most+1, c.limit)
	if c.taken-c.lost-c.calls > maxStreams {
		c.pool.trust = 0
	}
}

// close interrupts the calls that there are. The pool's lock is free.
func (c *conn) close() {
	if c.client != nil {
		_ = c.client.Close()
	}
}

// roundTrip asks, and gives the call's place back with its response's body.
func (c *conn) roundTrip(r *http.Request) (*http.Response, error) {
	heard := c.frames.read.Load()
	response, err := c.client.RoundTrip(r)
	if err != nil {
		c.cut(r.Context(), heard)
		lost := r.Context().Err() == nil && unprocessed(err)
		if lost {
			err = UnprocessedError{err}
			usedBy(r.Context()).remove(c)
		}
		c.pool.end(c, lost)
		return nil, err
	}
	b := &body{ReadCloser: response.Body, conn: c, ctx: r.Context()}
	b.whole.Store(response.ContentLength == 0)
	b.heard.Store(c.frames.read.Load())
	response.Body = b
	if r.Method == http.MethodHead || response.StatusCode == http.StatusNoContent || response.StatusCode == http.StatusNotModified {
		b.whole.Store(true)
		_ = b.Close() // net/http expects the length that it announces
		response.Body = http.NoBody
	}
	return response, nil
}

// cut asks the connection of a request that took too long, where nothing was heard since.
func (c *conn) cut(ctx context.Context, heard int64) {
	if late := c.pool.options.Late; late != nil && ctx.Err() != nil && late(context.Cause(ctx)) {
		c.watch.cut(heard)
	}
}

// body is a response's.
type body struct {
	io.ReadCloser

	conn  *conn
	ctx   context.Context // the request's
	heard atomic.Int64    // bytes on the connection at the last read
	whole atomic.Bool     // it has come to its end
	ended atomic.Bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.heard.Store(b.conn.frames.read.Load())
	if err == io.EOF {
		b.whole.Store(true)
	}
	return n, err // io.EOF stands for itself
}

// Close implements io.Closer.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	if b.ended.Swap(true) {
		return err // net/http's own
	}
	if b.whole.Load() {
		usedBy(b.ctx).remove(b.conn) // it is as good as any: what failed is not the connection
	}
	b.conn.cut(b.ctx, b.heard.Load())
	b.conn.pool.end(b.conn, false)
	return err // net/http's own
}
