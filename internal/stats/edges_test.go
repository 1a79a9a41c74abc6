package stats

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// A call whose client has left took as long as the client liked: it has no duration.
func TestClientsThatLeaveHaveNoDuration(t *testing.T) {
	t.Parallel()
	r := NewRoute(start)
	r.Record(start, fanout.Complete, time.Second)
	r.Record(start, fanout.Unmet, time.Second)
	r.Record(start, fanout.ClientClosed, time.Hour)
	w := r.Windows(start).Of(Window5m)
	if n := w.Duration.Total(); n != 2 || w.Duration.Seconds != 2 || w.Calls.ClientClosed != 1 {
		t.Errorf("%d calls of %v s, and %d that were left; want 2 of 2 s, and 1", n, w.Duration.Seconds, w.Calls.ClientClosed)
	}
}

// What hedges go by is the quantile itself, to 5 %, over both minutes.
func TestQuantilesOfRecentDurations(t *testing.T) {
	t.Parallel()
	r := &Recent{}
	if d, n := r.Quantile(start, 0.5); d != 0 || n != 0 {
		t.Errorf("of nothing: %v of %d", d, n)
	}
	for i := range 100 {
		r.Observe(start, time.Millisecond)
		r.Observe(start.Add(time.Minute), time.Duration(1+i/90)*10*time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.25: time.Millisecond, 0.5: time.Millisecond, 0.75: 10 * time.Millisecond, 0.99: 20 * time.Millisecond, 1: 20 * time.Millisecond} {
		if d, n := r.Quantile(start.Add(time.Minute), q); n != 200 || d < want*95/100 || d > want*105/100 {
			t.Errorf("quantile %v is %v of %d, want %v of 200", q, d, n, want)
		}
	}
}

// What did not happen takes no room in what is kept of a report.
func TestKeptReportsHaveNoEmptyCounts(t *testing.T) {
	t.Parallel()
	b := NewBackend(start)
	b.Record(start, succeeded(time.Millisecond))
	r := RouteReport{Backends: []BackendReport{b.Report(start, "one")}}
	if a := r.Kept(Window5m).Backends[0].Windows.Of(Window5m).Answers; a.Failed != nil || a.Rejected != nil || a.Succeeded != 1 {
		t.Errorf("kept is %+v", a)
	}
	b.Record(start, failed(fanout.Status, 500))
	b.Record(start, failed(fanout.Timeout, 0))
	r = RouteReport{Backends: []BackendReport{b.Report(start, "one")}}
	if a := r.Kept(Window5m).Backends[0].Windows.Of(Window5m).Answers; a.FailedTotal() != 2 || len(a.Failed) != 1 {
		t.Errorf("kept is %+v", a)
	}
}

// A failure in a report of a while ago is that much older; the report stays as it was.
func TestReportsAge(t *testing.T) {
	t.Parallel()
	r := RouteReport{Backends: []BackendReport{{Name: "one", LastFailure: &Failure{Reason: "timeout", AgeSeconds: 3}}, {Name: "two"}}}
	aged := r.Aged(4 * time.Second)
	if got := aged.Backends[0].LastFailure.AgeSeconds; got != 7 || aged.Backends[1].LastFailure != nil {
		t.Errorf("the failure is %v s old, want 7", got)
	}
	if got := r.Backends[0].LastFailure.AgeSeconds; got != 3 {
		t.Errorf("and in the report itself %v s, want 3", got)
	}
}

// What is no report is none, however little of it is wrong.
func TestBrokenReportsAreRefused(t *testing.T) {
	t.Parallel()
	b := ofOrders(1)
	route := func(rest string) string { return `{"routes":[{"namespace":"shop","name":"orders",` + rest + `}]}` }
	for _, text := range []string{
		``, `{`, `[]`, `{"routes":{}}`,
		route(`"windows":{"5m":{"duration":{"counts":{"a":1}}}}`), route(`"windows":{"5m":{"duration":{"counts":[1]}}}`),
		route(`"backends":[{"name":"b0","lastFailure":{"reason":7}}]`), route(`"backends":[{"name":"b0","lastFailure":"timeout"}]`),
	} {
		if r, err := b.Decode([]byte(text), start); err == nil {
			t.Errorf("%s is taken for %+v", text, r)
		}
	}
	broken := errors.New("connection broke")
	if raw, err := b.Read(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("{}")))); err == nil {
		t.Errorf("half of a report is taken for %q", raw)
	}
	if raw, err := b.Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("no report is taken for %q, %v", raw, err)
	}
}

// The first of many histograms is copied, and not put together bucket by bucket.
func TestAddingToNothingIsACopy(t *testing.T) {
	one := NewBackend(start)
	for i := range 300 {
		one.Record(start, succeeded(time.Duration(1+i*i)*100*time.Microsecond))
	}
	of := one.Report(start, "one").Windows.Of(Window5m).Duration
	if n := testing.AllocsPerRun(10, func() {
		sum := Histogram{}
		sum.Add(of)
	}); n > 1 {
		t.Errorf("%v things are made, want one", n)
	}
	sum := Histogram{}
	sum.Add(of)
	sum.Add(of)
	if !slices.Equal(of.Counts, one.Report(start, "one").Windows.Of(Window5m).Duration.Counts) || sum.Total() != 600 {
		t.Errorf("adding has changed what was added, or makes %d of 600", sum.Total())
	}
}
