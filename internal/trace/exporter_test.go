package trace

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		println(err.Error())
		code = 1
	}
	os.Exit(code)
}

// scripted is a collector that answers as it is told, and then takes everything.
type scripted struct {
	answers  []error
	takes    time.Duration
	rejected int

	mu    sync.Mutex
	spans []int // of each request
	at    []time.Time
}

func (s *scripted) send(ctx context.Context, encoded []byte) (int, error) {
	request := &tracepb.TracesData{}
	if err := proto.Unmarshal(encoded, request); err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.spans = append(s.spans, len(request.ResourceSpans[0].ScopeSpans[0].Spans))
	s.at = append(s.at, time.Now())
	var err error
	if len(s.answers) > 0 {
		err, s.answers = s.answers[0], s.answers[1:]
	}
	s.mu.Unlock()
	timer := time.NewTimer(s.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.rejected, err
	case <-ctx.Done():
		return 0, &refusal{why: "late", again: true}
	}
}

func (*scripted) close() {}

func (s *scripted) seen() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.spans)
}

// exporting runs an exporter to a collector, with its log.
func exporting(s sender) (*Exporter, *testkit.Log) {
	log := &testkit.Log{}
	e := newExporter(Options{Config: &routeconfig.Tracing{}, Namespace: "shop", Route: "orders", Log: slog.New(slog.NewJSONHandler(log, nil))}, s)
	e.Start()
	return e, log
}

// called is a call with some attempts.
func called(attempts int) *Call {
	c := &Call{Context: Context{Trace: newTrace(), Flags: sampledFlag}, Self: NewSpan(), Method: "GET", Start: time.Now(), End: time.Now(), Status: 200}
	c.Seen.Backends = []fanout.RecordedLane{{Attempts: make([]fanout.RecordedAttempt, attempts)}}
	c.Backends = []Backend{{Name: "one"}}
	return c
}

// Spans go in batches: when there are enough, or the first has waited for 5 s.
func TestSpansAreSentInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		e, _ := exporting(s)
		start := time.Now()
		e.Add(called(1))
		time.Sleep(3 * time.Second)
		e.Add(called(2))
		synctest.Wait()
		if got := s.seen(); len(got) != 0 {
			t.Errorf("sent before the time: %v", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := s.seen(); !slices.Equal(got, []int{5}) || s.at[0].Sub(start) != maxWait {
			t.Errorf("sent %v at %v, want 5 after 5 s", got, s.at)
		}
		for range 600 {
			e.Add(called(1))
		}
		synctest.Wait()
		if got := s.seen(); !slices.Equal(got, []int{5, 512, 512}) {
			t.Errorf("sent %v, want two full batches more", got)
		}
		e.Close()
		if got := s.seen(); !slices.Equal(got, []int{5, 512, 512, 176}) {
			t.Errorf("sent %v, want the rest at the end", got)
		}
		if c := e.Counts(); c != (Counts{Exported: 1205}) {
			t.Errorf("counts are %+v", c)
		}
	})
}

// A call with more spans than a batch has goes alone, and whole.
func TestACallOfManySpansIsSentWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		e, _ := exporting(s)
		e.Add(called(1000))
		e.Add(called(1))
		e.Close()
		if got := s.seen(); !slices.Equal(got, []int{1001, 2}) {
			t.Errorf("sent %v", got)
		}
	})
}

// A collector that hangs holds up nobody: what is beyond the bound is dropped and counted.
func TestACollectorThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{takes: time.Hour}
		e, log := exporting(s)
		start := time.Now()
		for range 10_000 {
			e.Add(called(1))
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("whoever adds has waited for %v", waited)
		}
		full := e.Counts().Full
		if held := maxQueued / 3 * 2; full < 20_000-uint64(held)-maxBatch || full > 20_000-uint64(held) { // three parts of a call are two spans and a backend
			t.Errorf("%d spans dropped of 20,000", full)
		}
		begun := time.Now()
		e.Close()
		if took := time.Since(begun); took > farewell {
			t.Errorf("it was closed after %v", took)
		}
		if c := e.Counts(); c.Full+c.Failed != 20_000 || c.Exported != 0 {
			t.Errorf("counts are %+v", c)
		}
		if n := len(log.Lines(t, "spans are not exported")); n != 1 {
			t.Errorf("%d lines:\n%s", n, log)
		}
		e.Add(called(1))
		if c := e.Counts(); c.Full+c.Failed != 20_002 {
			t.Errorf("after the end: %+v", c)
		}
	})
}

// What a collector may take later is sent again, what it will not is not, and a log has one
// line of each change.
func TestWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	busy, wrong := &refusal{why: "busy", again: true}, &refusal{why: "wrong"}
	asks := &refusal{why: "busy", again: true, wait: 20 * time.Second}
	for name, row := range map[string]struct {
		answers  []error
		rejected int
		sent     int
		least    time.Duration // of the last request after the first
		most     time.Duration
		counts   Counts
		log      string
	}{
		"taken":                   {nil, 0, 1, 0, 0, Counts{Exported: 2}, ""},
		"taken but for some":      {nil, 1, 1, 0, 0, Counts{Exported: 1, Rejected: 1}, ""},
		"more than there were":    {nil, 7, 1, 0, 0, Counts{Rejected: 2}, ""},
		"the second time":         {[]error{busy}, 0, 2, 500 * time.Millisecond, 1500 * time.Millisecond, Counts{Exported: 2, Failures: 1}, ""},
		"the third time":          {[]error{busy, busy}, 0, 3, 1500 * time.Millisecond, 4500 * time.Millisecond, Counts{Exported: 2, Failures: 2}, "busy, again"},
		"when it asks for it":     {[]error{asks}, 0, 2, 20 * time.Second, 20 * time.Second, Counts{Exported: 2, Failures: 1}, ""},
		"never":                   {[]error{busy, busy, busy, busy, busy}, 0, 5, 7500 * time.Millisecond, 22500 * time.Millisecond, Counts{Failed: 2, Failures: 5}, "busy"},
		"what it does not want":   {[]error{wrong}, 0, 1, 0, 0, Counts{Failed: 2, Failures: 1}, "wrong"},
		"one thing, then another": {[]error{busy, busy, wrong}, 0, 3, 1500 * time.Millisecond, 4500 * time.Millisecond, Counts{Failed: 2, Failures: 3}, "busy, wrong"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &scripted{answers: row.answers, rejected: row.rejected}
			e, log := exporting(s)
			e.Add(called(1))
			time.Sleep(time.Minute)
			synctest.Wait()
			e.Close()
			if got := e.Counts(); len(s.spans) != row.sent || got != row.counts {
				t.Errorf("%s: %d requests and %+v, want %d and %+v", name, len(s.spans), got, row.sent, row.counts)
			}
			if took := s.at[len(s.at)-1].Sub(s.at[0]); took < row.least || took > row.most {
				t.Errorf("%s: took %v, want %v to %v", name, took, row.least, row.most)
			}
			var told []string
			for line := range strings.Lines(log.String()) {
				switch {
				case strings.Contains(line, "again"):
					told = append(told, "again")
				case strings.Contains(line, `"reason":"busy"`):
					told = append(told, "busy")
				default:
					told = append(told, "wrong")
				}
			}
			if got := strings.Join(told, ", "); got != row.log {
				t.Errorf("%s: the log tells %q, want %q", name, got, row.log)
			}
		})
	}
}

// An outage is told once, however long, and its end.
func TestAnOutageIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answers: slices.Repeat([]error{&refusal{why: "down", again: true}}, 20)}
		e, log := exporting(s)
		for range 10 {
			e.Add(called(0))
			time.Sleep(time.Minute)
		}
		e.Close()
		if n, m := len(log.Lines(t, "spans are not exported")), len(log.Lines(t, "spans are exported again")); n != 1 || m != 1 {
			t.Errorf("%d lines of its beginning, %d of its end:\n%s", n, m, log)
		}
	})
}
