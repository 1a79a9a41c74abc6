package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/tether"
)

// exchange is a request and its response, whose body it is.
type exchange struct {
	conn     *Conn
	ctx      context.Context
	tether   tie         // of ctx; nil where that has none
	stop     func() bool // lets go of ctx where it has no tether; false where it has ended
	written  chan error  // of the request's rest, once; nil where all of it has left at once
	head     int         // bytes that heads may yet have
	last     bool        // the connection is not used again
	response http.Response

	left   int64 // bytes of the body, or of its chunk, that are to come; untilClosed
	stage  stage // of a body in chunks
	excess int64 // bytes of chunks that are no content, beyond what content allows
	err    error // that of all further reads
	ended  atomic.Bool
}

const untilClosed = -1

// tie is a context that tells its end without a goroutine, nor anything made for it: a
// tether.Context, or what has one.
type tie interface {
	Attach(e tether.Ender)
	Detach(e tether.Ender) bool
}

// tie has the end of the request's context end whatever waits on the connection.
func (x *exchange) tie() {
	if t, ok := x.ctx.(tie); ok {
		x.tether = t
		t.Attach(x)
		return
	}
	x.stop = context.AfterFunc(x.ctx, x.conn.interrupt)
}

// untie reports whether ctx has not ended.
func (x *exchange) untie() bool {
	if x.tether != nil {
		return x.tether.Detach(x)
	}
	return x.stop()
}

// End implements tether.Ender.
func (x *exchange) End(error) { x.conn.interrupt() }

// patience is how long a server that stopped listening may take to say why.
const patience = 250 * time.Millisecond

// lastWords bounds the wait for the response to a request that is not written whole: its server
// may have answered and closed, or waits for what does not come.
func (x *exchange) lastWords() {
	_ = x.conn.options.Conn.SetReadDeadline(time.Now().Add(patience))
	if x.ctx.Err() != nil { // and has set a deadline before
		x.conn.interrupt()
	}
}

// end ends the exchange, and reports whether it was going on. The connection stays open where
// all of it is as it should be.
func (x *exchange) end(whole bool) bool {
	if x.ended.Swap(true) {
		return false
	}
	if again := x.untie() && whole && !x.last && x.sent() && x.conn.in.Buffered() == 0; again {
		x.conn.free = true
	} else {
		_ = x.conn.Close()
	}
	return true
}

// sent reports whether the whole request has been written. It is asked once the response is whole:
// as a rule its server has read all, and the writer has yet to say so. Without a glance at that one
// connection in a hundred that had sent 64 KiB was given up, on two busy cores.
func (x *exchange) sent() bool {
	if x.written == nil {
		return true
	}
	timer := time.NewTimer(glance)
	defer timer.Stop()
	select {
	case err := <-x.written:
		return err == nil
	case <-timer.C:
		return false
	}
}

// failure says why there is no response.
func (x *exchange) failure(read, written error) error {
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	if written == nil && x.written != nil {
		select {
		case written = <-x.written:
		default:
		}
	}
	if written != nil {
		return fmt.Errorf("write request: %w", written)
	}
	return read
}

// Read implements io.Reader, for the response's body.
func (x *exchange) Read(p []byte) (int, error) {
	if x.err != nil || len(p) == 0 {
		return 0, x.err
	}
	n, err := x.read(p)
	if err == nil {
		return n, nil
	}
	if cause := context.Cause(x.ctx); cause != nil && !errors.Is(err, io.EOF) {
		err = cause
	}
	x.err = err
	if x.end(errors.Is(err, io.EOF)) {
		x.conn.options.Ended()
	}
	return n, err
}

// read returns io.EOF with the last bytes where it can.
func (x *exchange) read(p []byte) (int, error) {
	switch {
	case x.stage != noChunks:
		return x.readChunks(p)
	case x.left == untilClosed:
		return x.conn.in.Read(p) // its error is the body's
	}
	n, err := x.conn.in.Read(p[:min(int64(len(p)), x.left)])
	x.left -= int64(n)
	return n, x.short(err)
}

// short says of an error of reading what it is to a body of which something is left.
func (x *exchange) short(err error) error {
	switch {
	case x.left == 0:
		return io.EOF
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// Arrived reports whether all of the response's body is here, so that reading it waits for
// nobody.
func (x *exchange) Arrived() bool {
	return x.stage == noChunks && x.left >= 0 && int64(x.conn.in.Buffered()) >= x.left
}

// Close implements io.Closer, for the response's body. It may be called while Read waits, which
// then fails. Where the body is not at its end the connection goes with it.
func (x *exchange) Close() error {
	if x.end(false) {
		x.conn.options.Ended()
	}
	return nil
}
