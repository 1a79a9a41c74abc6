package fanout_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// recording is a stream in memory, of which nothing is ever read.
type recording struct {
	mu      sync.Mutex
	aborted []error
	closed  int
}

// Read implements fanout.Stream.
func (*recording) Read([]byte) (int, error) { return 0, io.EOF }

// Trailer implements fanout.Stream.
func (*recording) Trailer() http.Header { return nil }

// Abort implements fanout.Stream.
func (s *recording) Abort(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = append(s.aborted, cause)
}

// Close implements fanout.Stream.
func (s *recording) Close() (fanout.Outcome, fanout.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed++; len(s.aborted) > 0 {
		return fanout.Canceled, fanout.NoReason
	}
	return fanout.Succeeded, fanout.NoReason
}

func (s *recording) state() (aborted []error, closed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.aborted), s.closed
}

// streams is a backend whose answer counts at its head.
func streams(after time.Duration) (*scripted, *recording) {
	s, b := &recording{}, succeeds(after)
	b.answer.Stream = s
	return b, s
}

// A stream whose client has left before the call was decided is ended at once, and not
// read to its end.
func TestF2StreamsAreAbortedWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		call    *fanout.Call
		cause   error
		outcome fanout.CallOutcome
		aborted []error
	}{
		{"the client leaves", newCall("GET"), context.Canceled, fanout.ClientClosed, []error{fanout.ErrClientClosed}},
		{"the client leaves, and the backends finish", newCall("POST"), context.Canceled, fanout.ClientClosed, nil},
		{"the proxy stops", newCall("POST"), fanout.ErrStopped, fanout.Unmet, []error{fanout.ErrStopped}},
	} {
		synctest.Test(t, func(t *testing.T) {
			early, stream := streams(ms)
			d, seen := newDispatcher(fanout.Options{}, early, succeeds(400*ms))
			ctx, leave := context.WithCancelCause(t.Context())
			time.AfterFunc(30*ms, func() { leave(row.cause) })
			r, err := d.Dispatch(ctx, row.call)
			if err != nil || r.Outcome != row.outcome {
				t.Fatalf("%s: %v, %v", row.name, r.Outcome, err)
			}
			if aborted, _ := stream.state(); !slices.EqualFunc(aborted, row.aborted, errors.Is) {
				t.Errorf("%s: the stream was aborted with %v, want %v", row.name, aborted, row.aborted)
			}
			d.Drain()
			if _, closed := stream.state(); closed != 1 || !d.Idle() {
				t.Errorf("%s: the stream was closed %d times; idle: %v", row.name, closed, d.Idle())
			}
			seen.outcomes(t, 2)
		})
	}
}

// passing passes one stream on, -1 for none, and looks at the others meanwhile.
type passing struct {
	stream int
	look   func(r *fanout.Result)
}

// Respond implements fanout.Responder.
func (p *passing) Respond(r *fanout.Result) {
	r.Pass(p.stream)
	p.look(r)
}

// Of several streams one is passed on; the others are closed while it is, and the call is
// in flight until the last of them has ended. Statistics are told how they ended.
func TestOtherStreamsAreClosedWhileOneIsKept(t *testing.T) {
	t.Parallel()
	for _, kept := range []int{-1, 0, 2} {
		synctest.Test(t, func(t *testing.T) {
			var backends []*scripted
			var recordings []*recording
			for i := range 3 {
				b, s := streams(time.Duration(1+i) * ms)
				backends, recordings = append(backends, b), append(recordings, s)
			}
			d, seen := newDispatcher(fanout.Options{}, backends...)
			f, err := d.Reserve(t.Context(), newCall("GET"), reserver{d})
			if err != nil {
				t.Fatal(err)
			}
			f.Run(t.Context(), &passing{kept, func(r *fanout.Result) {
				synctest.Wait()
				for i, s := range recordings {
					want := 1
					if i == kept {
						want = 0
					}
					if _, closed := s.state(); closed != want {
						t.Errorf("%d kept: stream %d was closed %d times, want %d", kept, i, closed, want)
					}
				}
				if kept >= 0 {
					if d.InFlight() != 1 {
						t.Errorf("%d calls in flight beside an open stream", d.InFlight())
					}
					r.Answers[kept].Stream.Close()
					r.Answers[kept].Stream.Close() // which is not told again
				}
			}})
			d.Drain()
			if got := seen.outcomes(t, 3); d.InFlight() != 0 || slices.Contains(got, canceled) {
				t.Errorf("%d calls in flight; statistics say %v", d.InFlight(), got)
			}
		})
	}
}
