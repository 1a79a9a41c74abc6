package h1

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/wire"
)

// UnsentError says that no byte of the request was written: whatever it is, it may be
// sent again.
type UnsentError struct{ Err error }

// Error implements error.
func (e UnsentError) Error() string { return e.Err.Error() }

// Unwrap returns what was said of it.
func (e UnsentError) Unwrap() error { return e.Err }

// DiedError says that a connection which had been used before ended before a byte of the
// response came. As a rule the server had just closed it; but it may have done what was
// asked.
type DiedError struct{ Err error }

// Error implements error.
func (e DiedError) Error() string { return e.Err.Error() }

// Unwrap returns what was said of it.
func (e DiedError) Unwrap() error { return e.Err }

// conn is one connection. It stands above TLS, so that what it reads and writes is HTTP.
type conn struct {
	net.Conn

	pool *Pool
	wire *wire.Conn
	once sync.Once
	// got counts calls of Read that brought something.
	got atomic.Int64
	// quick counts small reads since the last one that waited, or the last request.
	quick atomic.Int32

	// What follows belongs to whoever holds the connection, and to the pool's lock while
	// nobody does.
	reused bool
	// since is when the head of the last response came. Its server waits for the next request
	// since then or later: the end of a body may have lain here for a while, unread.
	since time.Time
	life  time.Duration // how long it may be idle
	said  string        // the Keep-Alive that life is of

	gone bool // closed; of the pool's lock
}

const (
	// small is what package wire reads of heads and of the frame of chunks at most, in bytes. What
	// it reads at once is content, that nobody has to look through.
	small = 4 << 10
	// turn is after how many small reads others have their turn: a server that sends responses
	// 103, fields or chunks of a byte faster than they are read would never be waited for, and
	// 4 KiB of them take 0.1 ms.
	turn = 4
	// waited is what a read takes that finds something at most; those that wait take longer.
	waited = 50 * time.Microsecond
)

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if len(b) <= small && c.quick.Add(1) >= turn {
		return c.readOn(b)
	}
	return c.read(b)
}

// readOn reads what comes after a turn's reads, and pauses where there is something.
func (c *conn) readOn(b []byte) (int, error) {
	begun := time.Now()
	n, err := c.read(b)
	c.quick.Store(0)
	if pause := c.pool.options.Pause; pause != nil && n > 0 && time.Since(begun) < waited {
		pause()
	}
	return n, err
}

func (c *conn) read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.got.Add(1)
	}
	return n, err // its reader asks for the kind
}

// goodbye is how long TLS may take to say that it closes.
const goodbye = 250 * time.Millisecond

// Close implements net.Conn.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		if secured, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
			timer := time.AfterFunc(goodbye, func() { _ = secured.NetConn().Close() })
			defer timer.Stop()
		}
		err = c.Conn.Close()
		c.pool.closed(c)
	})
	return err
}

// shut closes it. The pool's lock is free.
func (c *conn) shut() { _ = c.Close() }

// roundTrip asks, and gives the connection back with its response's body.
func (c *conn) roundTrip(r *http.Request) (*http.Response, error) {
	c.quick.Store(0)
	got := c.got.Load()
	response, err := c.wire.RoundTrip(r)
	if err != nil {
		switch {
		case c.wire.Free(): // it has written nothing
			err = UnsentError{err}
		case c.reused && c.got.Load() == got && r.Context().Err() == nil:
			err = DiedError{err}
		}
		c.pool.put(c)
		return nil, err
	}
	c.hear(response.Header, time.Now())
	if response.Body == http.NoBody {
		c.pool.put(c)
	}
	return response, nil
}

// connect makes a connection.
func (p *Pool) connect(ctx context.Context) (*conn, error) {
	nc, err := p.options.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, pool: p, since: time.Now(), life: min(unannounced, p.options.IdleTimeout)}
	c.wire = wire.New(wire.Options{
		Conn: c, Socket: nc, MaxHead: p.options.MaxResponseHeader, Ended: func() { p.put(c) },
	})
	return c, nil
}
