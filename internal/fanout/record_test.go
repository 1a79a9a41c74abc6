package fanout_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
)

// drawn writes what was recorded, a line a lane, with times since the arrival.
func drawn(of fanout.Recorded) string {
	var b strings.Builder
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Sub(of.Arrived).String()
	}
	d := of.Decided
	fmt.Fprintf(&b, "decided %s by %s of %d, responded %s, ended %s\n", at(d.At), d.Decider, d.By, at(of.Responded), at(of.Ended))
	for _, list := range [][]fanout.RecordedLane{of.Backends, of.Shadows} {
		for _, l := range list {
			fmt.Fprintf(&b, "reserved %s, asked %s, ended %s %s %s\n", at(l.Reserved), at(l.Asked), at(l.Ended), l.Outcome, l.Reason)
		}
	}
	return b.String()
}

// recorded is a call whose record says when it is complete, and how often.
func recorded(d *dispatcher, shadows int) (call *fanout.Call, done *atomic.Int32) {
	done = &atomic.Int32{}
	call = newCall("GET")
	call.Record = fanout.NewRecord(fanout.RecordOptions{
		Backends: len(d.backends), Shadows: shadows, Arrived: time.Now(), Done: func(*fanout.Record) { done.Add(1) },
	})
	return call, done
}

// When each backend was asked and ended, who decided the call, and when nothing of it is left.
func TestRecordOfACall(t *testing.T) {
	t.Parallel()
	two := fanout.Policy{Type: fanout.Quorum, Quorum: 2}
	for name, row := range map[string]struct {
		options  fanout.Options
		backends []*scripted
		end      error // of the client, after 30 ms
		want     string
	}{
		"the first answer cancels the other": {
			fanout.Options{Policy: fanout.Policy{Type: fanout.Any}}, []*scripted{succeeds(400 * ms), succeeds(20 * ms)}, nil,
			`decided 20ms by answer of 1, responded 20ms, ended 20ms
reserved 0s, asked 0s, ended 20ms canceled 
reserved 0s, asked 0s, ended 20ms succeeded 
`,
		},
		"two of three decide, and the third finishes": {
			fanout.Options{Policy: two, Stragglers: fanout.Finish}, []*scripted{succeeds(400 * ms), succeeds(20 * ms), succeeds(30 * ms)}, nil,
			`decided 30ms by answer of 2, responded 30ms, ended 400ms
reserved 0s, asked 0s, ended 400ms succeeded 
reserved 0s, asked 0s, ended 20ms succeeded 
reserved 0s, asked 0s, ended 30ms succeeded 
`,
		},
		"decided, and waited for the rest": {
			fanout.Options{Policy: two, Stragglers: fanout.Wait}, []*scripted{succeeds(400 * ms), succeeds(20 * ms), succeeds(30 * ms)}, nil,
			`decided 30ms by answer of 2, responded 400ms, ended 400ms
reserved 0s, asked 0s, ended 400ms succeeded 
reserved 0s, asked 0s, ended 20ms succeeded 
reserved 0s, asked 0s, ended 30ms succeeded 
`,
		},
		"a failure decides as well": {
			fanout.Options{}, []*scripted{succeeds(400 * ms), replies(20*ms, 503)}, nil,
			`decided 20ms by answer of 1, responded 20ms, ended 20ms
reserved 0s, asked 0s, ended 20ms canceled 
reserved 0s, asked 0s, ended 20ms failed status
`,
		},
		"the time is up": {
			fanout.Options{Timeout: 50 * ms}, []*scripted{succeeds(400 * ms), succeeds(20 * ms)}, nil,
			`decided 50ms by timeout of -1, responded 50ms, ended 50ms
reserved 0s, asked 0s, ended 50ms failed timeout
reserved 0s, asked 0s, ended 20ms succeeded 
`,
		},
		"nothing is sent after a refusal": {
			fanout.Options{}, []*scripted{succeeds(20 * ms), refuses(fanout.CircuitOpen)}, nil,
			`decided 0s by refusals of -1, responded 0s, ended 0s
reserved 0s, asked -, ended 0s skipped 
reserved -, asked -, ended 0s rejected circuitOpen
`,
		},
		"the client leaves, and its backend goes on": {
			fanout.Options{Stragglers: fanout.Finish}, []*scripted{succeeds(400 * ms)}, context.Canceled,
			`decided 30ms by clientClosed of -1, responded 30ms, ended 400ms
reserved 0s, asked 0s, ended 400ms succeeded 
`,
		},
		"the proxy stops": {
			fanout.Options{Stragglers: fanout.Finish}, []*scripted{succeeds(400 * ms)}, fanout.ErrStopped,
			`decided 30ms by stop of -1, responded 30ms, ended 30ms
reserved 0s, asked 0s, ended 30ms canceled 
`,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, end := context.WithCancelCause(t.Context())
			defer end(nil)
			if row.end != nil {
				time.AfterFunc(30*ms, func() { end(row.end) })
			}
			d, _ := newDispatcher(row.options, row.backends...)
			call, done := recorded(d, 0)
			if _, err := d.Dispatch(client, call); err != nil {
				t.Fatal(err)
			}
			call.Record.Responded(fanout.Partial, 207)
			d.Drain()
			got := call.Record.Recorded()
			if diff := cmp.Diff(row.want, drawn(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if done.Load() != 1 || got.Outcome != fanout.Partial || got.Status != 207 {
				t.Errorf("%s: complete %d times, %v with %d", name, done.Load(), got.Outcome, got.Status)
			}
		})
	}
}

// What of a call ends last makes its record complete: its straggler, its shadow, its stream or
// its response, whichever that is.
func TestRecordIsCompleteWithTheLastOfItsCall(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		backend, shadow, response time.Duration
	}{
		"the response": {10 * ms, 20 * ms, 50 * ms},
		"the shadow":   {10 * ms, 50 * ms, 20 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, _ := newDispatcher(fanout.Options{
				ShadowObserver: &umbra{budget: memory.Budget{Limit: 100}}, Shadows: []fanout.Shadow{{Percent: 100}},
			}, succeeds(row.backend))
			call, done := recorded(d, 1)
			f, err := d.Reserve(t.Context(), call, shadowing{reserver{d}, []*scripted{succeeds(row.shadow)}})
			if err != nil {
				t.Fatal(err)
			}
			f.Run(t.Context(), &keeper{})
			time.Sleep(time.Until(call.Record.Recorded().Arrived.Add(row.response)))
			call.Record.Responded(fanout.Complete, 200)
			d.Drain()
			got := call.Record.Recorded()
			if took := got.Ended.Sub(got.Arrived); took != 50*ms || done.Load() != 1 {
				t.Errorf("%s: complete after %v, %d times", name, took, done.Load())
			}
			if s := got.Shadows[0]; s.Outcome != fanout.Succeeded || s.Ended.Sub(got.Arrived) != row.shadow || s.Asked.IsZero() {
				t.Errorf("%s: %+v", name, s)
			}
		})
	}
}

// The answer of a backend that streams is final when the stream has ended.
func TestRecordOfAStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := succeeds(10 * ms)
		b.answer.Stream = &tape{}
		d, _ := newDispatcher(fanout.Options{}, b)
		call, done := recorded(d, 0)
		f, err := d.Reserve(t.Context(), call, reserver{d})
		if err != nil {
			t.Fatal(err)
		}
		f.Run(t.Context(), &passing{0, func(r *fanout.Result) {
			if l := call.Record.Recorded().Backends[0]; l.Outcome != fanout.Pending || !l.Ended.IsZero() {
				t.Errorf("while it streams: %+v", l)
			}
			time.Sleep(100 * ms)
			r.Answers[0].Stream.Close()
		}})
		call.Record.Responded(fanout.Unmet, 502)
		d.Drain()
		got := call.Record.Recorded()
		l := got.Backends[0]
		if l.Outcome != fanout.Failed || l.Reason != fanout.Reset || l.Ended.Sub(got.Arrived) != 110*ms || done.Load() != 1 {
			t.Errorf("after it: %+v; complete %d times", l, done.Load())
		}
	})
}

// A backend that is asked for ever leaves no more attempts than fit, and all of them are marked.
func TestRecordIsBounded(t *testing.T) {
	t.Parallel()
	marked := map[fanout.AttemptID]bool{}
	r := fanout.NewRecord(fanout.RecordOptions{Backends: 1, Mark: func(_ int, id fanout.AttemptID, fields http.Header) {
		marked[id] = fields != nil
	}})
	lane := r.Backend(0)
	for i := range fanout.MaxAttempts + 3 {
		n := lane.Begin(i == 1, http.Header{})
		lane.Connected(n, true)
		lane.Head(n, 200+i)
		lane.End(n, fanout.FateFailed, fanout.Status)
	}
	seen := r.Recorded().Backends[0]
	if len(seen.Attempts) != fanout.MaxAttempts || seen.Omitted != 3 || len(marked) != fanout.MaxAttempts+3 {
		t.Errorf("%d attempts, %d omitted, %d marked", len(seen.Attempts), seen.Omitted, len(marked))
	}
	for i, want := range []fanout.Kind{fanout.First, fanout.Hedge, fanout.Retry} {
		if a := seen.Attempts[i]; a.Kind != want || a.Status != 200+i || !a.Reused || !marked[a.ID] || a.Fate != fanout.FateFailed {
			t.Errorf("attempt %d: %+v", i, a)
		}
	}
	if marked[fanout.AttemptID{}] {
		t.Error("an attempt's name is zero, which a span's must not be")
	}
}

// Where nobody looks nothing is kept, and nothing is made.
func TestNoRecordCostsNothing(t *testing.T) { // alone: it counts allocations
	var r *fanout.Record
	if n := testing.AllocsPerRun(100, func() {
		for _, l := range []*fanout.Lane{r.Backend(0), r.Shadow(0)} {
			l.Queue()
			l.Dequeue()
			n := l.Begin(false, nil)
			l.Connected(n, false)
			l.Head(n, 200)
			l.End(n, fanout.FateWon, fanout.NoReason)
			l.Lose(n)
			l.Compared("same")
		}
		r.Responded(fanout.Complete, 200)
	}); n != 0 {
		t.Errorf("no record makes %v things", n)
	}
}
