package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/breaker"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/tether"
)

// stream is the body of a response that is passed on while it comes. It implements
// fanout.Stream, and holds what its call has of the backend.
type stream struct {
	ctx      *tether.Context // of its exchange, which outlives the attempt
	work     *work
	response *http.Response
	reading  *reading
	idle     *time.Timer
	err      error // that Read returned last
	recorded int   // the attempt
}

// errIdle ends a stream whose backend is silent for too long.
var errIdle = fmt.Errorf("the backend is silent: %w", fanout.ErrTimeout)

func newStream(ctx *tether.Context, w *work, response *http.Response, how *reading) *stream {
	s := &stream{ctx: ctx, work: w, response: response, reading: how}
	s.idle = time.AfterFunc(how.idleTimeout, func() { ctx.End(errIdle) })
	s.idle.Stop()
	return s
}

// Read implements fanout.Stream. Only the backend's time counts: while the client is
// slow nobody waits here.
func (s *stream) Read(b []byte) (int, error) {
	s.idle.Reset(s.reading.idleTimeout)
	n, err := s.response.Body.Read(b)
	s.idle.Stop()
	s.err = err
	return n, err // io.EOF stands for itself
}

// Trailer implements fanout.Stream.
func (s *stream) Trailer() http.Header { return s.response.Trailer }

// Abort implements fanout.Stream.
func (s *stream) Abort(cause error) { s.ctx.End(cause) }

// Close implements fanout.Stream.
func (s *stream) Close() (fanout.Outcome, fanout.Reason) {
	if s.err == nil && s.ctx.Err() == nil {
		s.drain()
	}
	_ = s.response.Body.Close()
	outcome, reason := s.outcome()
	s.work.lane.End(s.recorded, fateOf(s.ctx, outcome), reason)
	s.ctx.End(nil)
	v := breaker.Good
	if outcome == fanout.Failed {
		v = breaker.Fault
	}
	s.work.end(v)
	return outcome, reason
}

// discard ends a stream that another one was faster than. Its call goes on.
func (s *stream) discard() { _ = s.response.Body.Close() }

// drain reads what is left, within the size and the time that the backend has, so that
// its connection can be used again. That the rest is lost says nothing of it.
func (s *stream) drain() {
	timer := time.AfterFunc(time.Until(s.work.deadline), func() { s.ctx.End(fanout.ErrDecided) })
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, s, s.reading.maxSize+1)
	s.err = io.EOF
}

func (s *stream) outcome() (fanout.Outcome, fanout.Reason) {
	cause := context.Cause(s.ctx)
	switch {
	case errors.Is(s.err, io.EOF):
		return fanout.Succeeded, fanout.NoReason
	case errors.Is(cause, fanout.ErrTimeout):
		return fanout.Failed, fanout.Timeout
	case cause != nil:
		return fanout.Canceled, fanout.NoReason
	}
	return fanout.Failed, fanout.Reset
}
