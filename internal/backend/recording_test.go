package backend

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// looked is a call of one backend that is recorded; mark may be nil.
func looked(mark func(int, fanout.AttemptID, http.Header)) *fanout.Call {
	call := newCall("GET")
	call.Record = fanout.NewRecord(fanout.RecordOptions{Backends: 1, Arrived: time.Now(), Mark: mark})
	return call
}

// askLooked asks as the dispatcher does, with the lane of the backend.
func askLooked(ctx context.Context, t *testing.T, b *Backend, call *fanout.Call) fanout.Answer {
	t.Helper()
	r, refusal := b.Reserve(ctx, call, nil)
	if r == nil {
		return refusal
	}
	r.(fanout.Recorder).Record(call.Record.Backend(0))
	return do(ctx, r, call, nil)
}

// attempts writes those of a call, a line each, with times since its arrival.
func attempts(call *fanout.Call) string {
	seen := call.Record.Recorded()
	at := func(t time.Time) time.Duration { return t.Sub(seen.Arrived) }
	var b strings.Builder
	lane := &seen.Backends[0]
	if !lane.Queued.From.IsZero() {
		fmt.Fprintf(&b, "waited %v to %v\n", at(lane.Queued.From), at(lane.Queued.To))
	}
	for _, a := range lane.Attempts {
		fmt.Fprintf(&b, "%v %v to %v %v", a.Kind, at(a.Begun), at(a.Ended), a.Fate)
		if a.Status != 0 {
			fmt.Fprintf(&b, " %d after %v", a.Status, at(a.Head))
		}
		fmt.Fprintf(&b, " %v\n", a.Reason)
	}
	return b.String()
}

// What is recorded of attempts: why each was made, from when to when it went, and what became
// of it.
func TestAttemptsAreRecorded(t *testing.T) {
	t.Parallel()
	retried := retries(routeconfig.RetryIdempotent, func(r *routeconfig.Retry) {
		r.Attempts, r.InitialBackoff, r.MaxBackoff = 3, 0, 0
	})
	for name, row := range map[string]struct {
		config  routeconfig.Backend
		scripts []exchangeScript
		leaves  time.Duration // of the client; 0 for never
		want    string
	}{
		"one": {routeconfig.Backend{}, []exchangeScript{{after: 20 * ms, status: 200}}, 0,
			"first 0s to 20ms won 200 after 20ms \n"},
		"a retry": {retried, []exchangeScript{{after: 20 * ms, status: 503}, {after: 30 * ms, err: errBroken}, {after: 10 * ms, status: 200}}, 0,
			"first 0s to 20ms failed 503 after 20ms status\nretry 20ms to 50ms failed reset\nretry 50ms to 60ms won 200 after 60ms \n"},
		"a hedge that wins": {hedged(80 * ms), []exchangeScript{{after: time.Second, status: 200}, {after: 20 * ms, status: 200}}, 0,
			"first 0s to 100ms lost \nhedge 80ms to 100ms won 200 after 100ms \n"},
		"a hedge that loses": {hedged(80 * ms), []exchangeScript{{after: 90 * ms, status: 200}, {after: time.Second, status: 200}}, 0,
			"first 0s to 90ms won 200 after 90ms \nhedge 80ms to 90ms lost \n"},
		"a hedge that fails": {hedged(80 * ms), []exchangeScript{{after: 200 * ms, status: 200}, {after: 10 * ms, status: 503}}, 0,
			"first 0s to 200ms won 200 after 200ms \nhedge 80ms to 90ms failed 503 after 90ms status\n"},
		"a client that leaves": {routeconfig.Backend{}, []exchangeScript{{after: time.Second, status: 200}}, 30 * ms,
			"first 0s to 30ms canceled \n"},
		"late": {routeconfig.Backend{Timeout: testkit.Span(50 * ms)}, []exchangeScript{{after: time.Second, status: 200}}, 0,
			"first 0s to 50ms failed timeout\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b, _ := newBackend(t, row.config, row.scripts...)
			ctx, end := context.WithCancelCause(t.Context())
			defer end(nil)
			if row.leaves > 0 {
				time.AfterFunc(row.leaves, func() { end(fanout.ErrClientClosed) })
			}
			call := looked(nil)
			askLooked(ctx, t, b, call)
			if diff := cmp.Diff(row.want, attempts(call)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		})
	}
}

// Whoever waits for the slot of another call is seen to.
func TestWaitingIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBackend(t, routeconfig.Backend{MaxConcurrentRequests: 1, MaxQueuedRequests: 1}, exchangeScript{after: 40 * ms, status: 200})
		go ask(t, b, newCall("GET"))
		synctest.Wait()
		call := looked(nil)
		askLooked(t.Context(), t, b, call)
		if want := "waited 0s to 40ms\nfirst 40ms to 80ms won 200 after 80ms \n"; attempts(call) != want {
			t.Errorf("%s, want %s", attempts(call), want)
		}
	})
}

// An attempt whose response is streamed ends with the stream.
func TestStreamsAreRecordedToTheirEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newStreaming(t, routeconfig.Backend{}, func(context.Context) io.Reader { return strings.NewReader("body") })
		call := looked(nil)
		a := askLooked(t.Context(), t, b, call)
		if seen := call.Record.Recorded().Backends[0].Attempts[0]; seen.Fate != fanout.FateOpen || !seen.Ended.IsZero() || seen.Status != 200 {
			t.Errorf("while it streams: %+v", seen)
		}
		time.Sleep(70 * ms)
		a.Stream.Close()
		if want := "first 0s to 70ms won 200 after 0s \n"; attempts(call) != want {
			t.Errorf("%s, want %s", attempts(call), want)
		}
	})
}

// Each attempt is marked before it is sent, in fields that are its own.
func TestAttemptsAreMarked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, seen := newBackend(t, hedged(80*ms), exchangeScript{after: time.Second, status: 200}, exchangeScript{after: 20 * ms, status: 200})
		call := looked(func(_ int, id fanout.AttemptID, fields http.Header) { fields.Set("X-Attempt", fmt.Sprintf("%x", id)) })
		askLooked(t.Context(), t, b, call)
		for i, a := range call.Record.Recorded().Backends[0].Attempts {
			if got := seen.seen[i].Header.Get("X-Attempt"); got != fmt.Sprintf("%x", a.ID) {
				t.Errorf("attempt %d of %x was sent as %q", i, a.ID, got)
			}
		}
		if len(seen.seen) != 2 || call.Header.Get("X-Attempt") != "" {
			t.Errorf("%d requests; the call has %v", len(seen.seen), call.Header)
		}
	})
}

// Of two attempts that come in at the same moment one has won, and the other lost.
func TestOneAttemptWins(t *testing.T) {
	t.Parallel()
	for range 50 { // chance says which is seen first, and whether the other was cut
		synctest.Test(t, func(t *testing.T) {
			b, _ := newBackend(t, hedged(80*ms), exchangeScript{after: 100 * ms, status: 200}, exchangeScript{after: 20 * ms, status: 200})
			call := looked(nil)
			askLooked(t.Context(), t, b, call)
			if seen := attempts(call); strings.Count(seen, "won") != 1 || strings.Count(seen, "lost") != 1 {
				t.Fatal(seen)
			}
		})
	}
}
