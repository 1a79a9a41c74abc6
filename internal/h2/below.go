package h2

import (
	"net"
	"sync/atomic"
	"time"
)

// below is the connection below HTTP/2. It is let go of when it was closed: net/http holds on
// to what is above it for 5 s more, and TLS has buffers, keys and certificates.
type below struct{ atomic.Pointer[net.Conn] }

// end puts in the place of the connection what has nothing but its addresses.
func (b *below) end() {
	was := *b.Load()
	b.Store(new(net.Conn(ended{was.LocalAddr(), was.RemoteAddr()})))
}

// LocalAddr implements net.Conn.
func (f *frames) LocalAddr() net.Addr { return (*f.conn.Load()).LocalAddr() }

// RemoteAddr implements net.Conn.
func (f *frames) RemoteAddr() net.Addr { return (*f.conn.Load()).RemoteAddr() }

// SetDeadline implements net.Conn.
func (f *frames) SetDeadline(t time.Time) error { return (*f.conn.Load()).SetDeadline(t) }

// SetReadDeadline implements net.Conn.
func (f *frames) SetReadDeadline(t time.Time) error { return (*f.conn.Load()).SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (f *frames) SetWriteDeadline(t time.Time) error { return (*f.conn.Load()).SetWriteDeadline(t) }

// ended is a connection that was closed.
type ended struct{ local, remote net.Addr }

// Read implements net.Conn.
func (e ended) Read([]byte) (int, error) { return 0, e.failed("read") }

// Write implements net.Conn.
func (e ended) Write([]byte) (int, error) { return 0, e.failed("write") }

// failed is what net says of a connection that was closed.
func (e ended) failed(op string) error {
	return &net.OpError{Op: op, Net: "tcp", Source: e.local, Addr: e.remote, Err: net.ErrClosed}
}

// Close implements net.Conn.
func (ended) Close() error { return net.ErrClosed }

// LocalAddr implements net.Conn.
func (e ended) LocalAddr() net.Addr { return e.local }

// RemoteAddr implements net.Conn.
func (e ended) RemoteAddr() net.Addr { return e.remote }

// SetDeadline implements net.Conn.
func (ended) SetDeadline(time.Time) error { return net.ErrClosed }

// SetReadDeadline implements net.Conn.
func (ended) SetReadDeadline(time.Time) error { return net.ErrClosed }

// SetWriteDeadline implements net.Conn.
func (ended) SetWriteDeadline(time.Time) error { return net.ErrClosed }
