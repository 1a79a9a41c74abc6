package fanout_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// What becomes of a backend that works, or was only reserved, when the waiting ends: what
// the response is told of it, what statistics are, and why its attempts ended.
func TestLifeOfABackend(t *testing.T) {
	t.Parallel()
	type told struct {
		outcome fanout.Outcome
		reason  fanout.Reason
	}
	waits, cuts, goesOn := told{pending, 0}, told{canceled, 0}, told{succeeded, 0}
	late := told{failed, fanout.Timeout}
	for _, row := range []struct {
		event      string
		stragglers fanout.Stragglers
		response   told
		statistics told
		cause      error
	}{
		{"decided", fanout.Cancel, cuts, cuts, fanout.ErrDecided},
		{"decided", fanout.Finish, waits, goesOn, nil},
		{"decided", fanout.Wait, goesOn, goesOn, nil},
		{"expired", fanout.Cancel, late, late, fanout.ErrTimeout},
		{"expired", fanout.Finish, late, goesOn, nil},
		{"expired", fanout.Wait, late, late, fanout.ErrTimeout},
		{"left", fanout.Cancel, cuts, cuts, fanout.ErrClientClosed},
		{"left", fanout.Finish, waits, goesOn, nil},
		{"left", fanout.Wait, cuts, cuts, fanout.ErrClientClosed},
		{"stopped", fanout.Cancel, cuts, cuts, fanout.ErrStopped},
		{"stopped", fanout.Finish, cuts, cuts, fanout.ErrStopped},
		{"stopped", fanout.Wait, cuts, cuts, fanout.ErrStopped},
	} {
		synctest.Test(t, func(t *testing.T) {
			slow := succeeds(400 * ms)
			o, backends := fanout.Options{Stragglers: row.stragglers}, []*scripted{slow}
			client, end := context.WithCancelCause(t.Context())
			defer end(nil)
			switch row.event {
			case "decided":
				o.Policy, backends = fanout.Policy{Type: fanout.Any}, []*scripted{slow, succeeds(30 * ms)}
			case "expired":
				o.Timeout = 30 * ms
			case "left":
				time.AfterFunc(30*ms, func() { end(context.Canceled) })
			case "stopped":
				time.AfterFunc(30*ms, func() { end(fanout.ErrStopped) })
			}
			d, seen := newDispatcher(o, backends...)
			r, err := d.Dispatch(client, post)
			if err != nil {
				t.Fatal(err)
			}
			if got := (told{r.Answers[0].Outcome, r.Answers[0].Reason}); got != row.response {
				t.Errorf("%s, stragglers %d: the response is told %+v, want %+v", row.event, row.stragglers, got, row.response)
			}
			d.Drain()
			if final := seen.outcomes(t, len(backends))[0]; final != row.statistics.outcome || seen.answers[0][0].Reason != row.statistics.reason {
				t.Errorf("%s, stragglers %d: statistics are told %v, want %+v", row.event, row.stragglers, final, row.statistics)
			}
			if cut := slow.ended.Load(); (cut != nil) != (row.cause != nil) || cut != nil && !errors.Is(cut.cause, row.cause) {
				t.Errorf("%s, stragglers %d: attempts ended %+v, want %v", row.event, row.stragglers, cut, row.cause)
			}
		})
	}
}

// Exchanges that go on are told which of the two it was that ended their client's context.
func TestDepartureTellsTheStopFromTheClient(t *testing.T) {
	t.Parallel()
	for cause, want := range map[error]error{
		fanout.ErrStopped: fanout.ErrStopped, context.Canceled: fanout.ErrClientClosed, context.DeadlineExceeded: fanout.ErrClientClosed,
	} {
		client, end := context.WithCancelCause(t.Context())
		end(cause)
		if got := fanout.Departure(client); !errors.Is(got, want) || fanout.Stopped(client) != errors.Is(want, fanout.ErrStopped) {
			t.Errorf("of %v: %v, want %v; stopped: %v", cause, got, want, fanout.Stopped(client))
		}
	}
}

// A proxy that stops while backends reserve sends nothing.
func TestStopWhileBackendsReserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, end := context.WithCancelCause(t.Context())
		time.AfterFunc(30*ms, func() { end(fanout.ErrStopped) })
		first := succeeds(ms)
		d, seen := newDispatcher(fanout.Options{Computes: true}, first, &scripted{ponders: true})
		r, err := d.Dispatch(client, post)
		if err != nil || !r.Stopped || r.Outcome != fanout.Unmet || first.asked.Load() != 0 || first.returned.Load() != 1 {
			t.Errorf("%+v, %v; asked %d times, given back %d times", r, err, first.asked.Load(), first.returned.Load())
		}
		for i, o := range seen.outcomes(t, 2) {
			if o != canceled {
				t.Errorf("statistics are told %v of backend %d", o, i)
			}
		}
	})
}

// tape is a stream that is there at once.
type tape struct{ closed, aborted atomic.Int32 }

func (*tape) Read([]byte) (int, error) { return 0, errors.New("nobody reads it") }
func (*tape) Trailer() http.Header     { return nil }
func (s *tape) Abort(error)            { s.aborted.Add(1) }
func (s *tape) Close() (fanout.Outcome, fanout.Reason) {
	s.closed.Add(1)
	return fanout.Failed, fanout.Reset
}

// forgetful responds without a look at the result, or not at all.
type forgetful struct{ panics bool }

func (f forgetful) Respond(*fanout.Result) {
	if f.panics {
		panic(http.ErrAbortHandler)
	}
}

// Whoever responds may forget the streams, or fall: they end, statistics are told how, and
// the call is in flight no longer.
func TestStreamsEndWithTheResponse(t *testing.T) {
	t.Parallel()
	for _, to := range []forgetful{{false}, {true}} {
		synctest.Test(t, func(t *testing.T) {
			streams := []*tape{{}, {}, {}}
			var backends []*scripted
			for i, s := range streams {
				b := succeeds(time.Duration(1+i) * ms) // the last of them straggles
				b.answer.Stream = s
				backends = append(backends, b)
			}
			d, seen := newDispatcher(fanout.Options{
				Policy: fanout.Policy{Type: fanout.Quorum, Quorum: 2}, Stragglers: fanout.Finish}, backends...)
			f, err := d.Reserve(t.Context(), post, reserver{d})
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() {
					if r := recover(); (r != nil) != to.panics {
						t.Errorf("recovered %v", r)
					}
				}()
				f.Run(t.Context(), to)
			}()
			d.Drain()
			if !d.Idle() {
				t.Error("the call is still in flight")
			}
			for i, o := range seen.outcomes(t, 3) {
				if want := []fanout.Outcome{failed, failed, succeeded}[i]; o != want || streams[i].closed.Load() != 1 {
					t.Errorf("stream %d was closed %d times, statistics are told %v, want %v", i, streams[i].closed.Load(), o, want)
				}
			}
		})
	}
}
