package backend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/tether"
)

// silence is the end of a body that never comes.
type silence struct{ context.Context }

// Read implements io.Reader.
func (s silence) Read([]byte) (int, error) {
	<-s.Done()
	return 0, s.Err()
}

// piped answers each request with 200, and the body that makes makes of its context.
type piped func(context.Context) io.Reader

// RoundTrip implements http.RoundTripper.
func (p piped) RoundTrip(r *http.Request) (*http.Response, error) {
	tether.Observe(r.Context(), false)
	return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(p(r.Context()))}, nil
}

// newStreaming is a backend whose responses are passed on while they come, and which may
// be silent for a minute.
func newStreaming(t *testing.T, config routeconfig.Backend, body piped) *Backend {
	t.Helper()
	return newBackendOver(t, config, body, streamed)
}

func streamed(o *Options) { o.Combined, o.IdleTimeout = false, time.Minute }

// What becomes of a stream after its head: a success that breaks off is none, for the
// breaker either.
func TestBreakersCountStreamsThatBreak(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection broke")
	for name, row := range map[string]struct {
		body    piped
		abort   error
		outcome fanout.Outcome
		reason  fanout.Reason
		circuit stats.Circuit
		after   time.Duration
	}{
		"it ends": {func(context.Context) io.Reader { return strings.NewReader("body") }, nil, fanout.Succeeded, fanout.NoReason, stats.CircuitClosed, 0},
		"it breaks off": {func(context.Context) io.Reader {
			return io.MultiReader(strings.NewReader("bo"), iotest.ErrReader(broken))
		}, nil, fanout.Failed, fanout.Reset, stats.CircuitOpen, 0},
		"the backend falls silent": {func(ctx context.Context) io.Reader { return io.MultiReader(strings.NewReader("bo"), silence{ctx}) }, nil, fanout.Failed, fanout.Timeout, stats.CircuitOpen, time.Minute},
		"the client leaves":        {func(ctx context.Context) io.Reader { return silence{ctx} }, fanout.ErrClientClosed, fanout.Canceled, fanout.NoReason, stats.CircuitClosed, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newStreaming(t, routeconfig.Backend{CircuitBreaker: &routeconfig.CircuitBreaker{
				FailurePercent: 100, MinimumRequests: 1, Window: testkit.Span(time.Hour), OpenFor: testkit.Span(time.Hour), HalfOpenRequests: 1,
			}}, row.body)
			a := ask(t, b, newCall("GET"))
			if a.Outcome != fanout.Succeeded || a.Stream == nil || b.Circuit(time.Now()) != stats.CircuitClosed {
				t.Fatalf("%s: its head says %v, %v", name, a.Outcome, a.Reason)
			}
			begun := time.Now()
			if row.abort != nil {
				a.Stream.Abort(row.abort)
			}
			_, _ = io.Copy(io.Discard, a.Stream)
			outcome, reason := a.Stream.Close()
			if outcome != row.outcome || reason != row.reason || time.Since(begun) != row.after {
				t.Errorf("%s: %v, %v after %v; want %v, %v", name, outcome, reason, time.Since(begun), row.outcome, row.reason)
			}
			if got := b.Circuit(time.Now()); got != row.circuit {
				t.Errorf("%s: the circuit is %s, want %s", name, got, row.circuit)
			}
		})
	}
}

// A stream holds the slot of its request to its end, whatever that is.
func TestStreamsHoldTheirSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newStreaming(t, routeconfig.Backend{MaxConcurrentRequests: 1}, func(context.Context) io.Reader { return strings.NewReader("body") })
		a := ask(t, b, newCall("GET"))
		if _, refusal := b.Reserve(t.Context(), newCall("GET"), nil); refusal.Reason != fanout.Overloaded {
			t.Errorf("beside a stream: %v, want overloaded", refusal.Reason)
		}
		if outcome, _ := a.Stream.Close(); outcome != fanout.Succeeded {
			t.Errorf("a stream that nobody reads: %v", outcome)
		}
		if again := ask(t, b, newCall("GET")); again.Outcome != fanout.Succeeded {
			t.Errorf("after it: %v, %v", again.Outcome, again.Reason)
		} else {
			again.Stream.Close()
		}
	})
}

// What nobody reads of a stream is read to its end within the backend's size and time, so
// that its connection can be used again; what takes longer is cut, and no failure.
func TestStreamsThatNobodyReadsAreDrained(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newStreaming(t, routeconfig.Backend{}, func(ctx context.Context) io.Reader { return silence{ctx} })
		a := ask(t, b, newCall("GET"))
		begun := time.Now()
		if outcome, reason := a.Stream.Close(); outcome != fanout.Succeeded || time.Since(begun) != 10*time.Second {
			t.Errorf("a stream that does not end: %v, %v after %v; want the backend's 10 s", outcome, reason, time.Since(begun))
		}
	})
}

// tracked says when a body was closed.
type tracked struct {
	io.Reader

	closed bool
}

// Close implements io.Closer.
func (b *tracked) Close() error {
	b.closed = true
	return nil
}

// stubborn answers each request after a time of its own, whether it is canceled or not.
type stubborn struct {
	after []time.Duration

	mu     sync.Mutex
	bodies []*tracked
}

// RoundTrip implements http.RoundTripper.
func (s *stubborn) RoundTrip(r *http.Request) (*http.Response, error) {
	tether.Observe(r.Context(), false)
	body := &tracked{Reader: strings.NewReader("body")}
	s.mu.Lock()
	after := s.after[len(s.bodies)]
	s.bodies = append(s.bodies, body)
	s.mu.Unlock()
	time.Sleep(after)
	return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: body}, nil
}

// A stream that comes when another one has won gives its connection back, and the one that
// has won goes on.
func TestAStreamThatLosesByAMomentIsClosed(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		after []time.Duration
		loser int
	}{
		"the hedge":         {[]time.Duration{100 * ms, 50 * ms}, 1},
		"the first attempt": {[]time.Duration{100 * ms, 10 * ms}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stubborn{after: row.after}
			b := newBackendOver(t, hedged(80*ms), s, streamed)
			a := ask(t, b, newCall("GET"))
			if a.Stream == nil || len(s.bodies) != 2 || !s.bodies[row.loser].closed || s.bodies[1-row.loser].closed {
				t.Fatalf("%s: %v/%v of %d streams, of which the loser is closed: %v", name, a.Outcome, a.Reason, len(s.bodies), s.bodies[row.loser].closed)
			}
			if content, err := io.ReadAll(a.Stream); string(content) != "body" || err != nil {
				t.Errorf("%s: the winner says %q, %v", name, content, err)
			}
			if outcome, _ := a.Stream.Close(); outcome != fanout.Succeeded || !s.bodies[1-row.loser].closed {
				t.Errorf("%s: the winner ends as %v", name, outcome)
			}
		})
	}
}

// present is a body that has come with its head.
type present struct{ io.ReadCloser }

// Arrived is what package wire has.
func (present) Arrived() bool { return true }

// What has come already is not passed on while it comes; what is larger than the backend may
// answer whole is.
func TestWhatIsHereIsNoStream(t *testing.T) {
	t.Parallel()
	for length, streams := range map[int64]bool{4: false, 1<<20 + 1: true} {
		b := newBackendOver(t, routeconfig.Backend{}, handing(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: length, Body: present{io.NopCloser(strings.NewReader("body"))}}
		}), streamed)
		a := ask(t, b, newCall("GET"))
		if a.Outcome != fanout.Succeeded || (a.Stream != nil) != streams || !streams && string(a.Body) != "body" {
			t.Errorf("%d bytes: %v, %q, a stream: %t", length, a.Outcome, a.Body, a.Stream != nil)
		}
		if a.Stream != nil {
			a.Stream.Close()
		}
	}
}

// handing answers each request with what it makes of it.
type handing func(*http.Request) *http.Response

// RoundTrip implements http.RoundTripper.
func (h handing) RoundTrip(r *http.Request) (*http.Response, error) {
	tether.Observe(r.Context(), false)
	return h(r), nil
}
