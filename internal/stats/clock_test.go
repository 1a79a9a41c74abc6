package stats

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// tooFar is how far ahead the wall clock is in these tests, until it is set right.
const tooFar = 6 * time.Minute

// The readings of this test's clock are what they say.
func TestAheadMovesTheWallClockAlone(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ahead := testkit.Ahead(now, tooFar)
	if by, wall := ahead.Sub(now), ahead.Unix()-now.Unix(); by != 0 || wall != int64(tooFar/time.Second) {
		t.Fatalf("the monotonic clock moved by %v and the wall clock by %d s, want 0 and 360", by, wall)
	}
}

// K7: what was counted while the wall clock was ahead, and what is counted once it is
// right, stand in every window.
func TestK7WindowsOutliveAWallClockThatIsSetRight(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	b, r := NewBackend(testkit.Ahead(begun, tooFar)), NewRoute(testkit.Ahead(begun, tooFar))
	record := func(now time.Time) {
		b.Record(now, succeeded(time.Millisecond))
		r.Record(now, fanout.Complete, time.Millisecond)
	}
	for i := range 10 {
		record(testkit.Ahead(begun.Add(time.Duration(i)*time.Second), tooFar))
	}
	for i := 10; i < 20; i++ {
		record(begun.Add(time.Duration(i) * time.Second))
	}
	now := begun.Add(20 * time.Second)
	report, calls := b.Report(now, "one"), r.Windows(now)
	for _, w := range windows() {
		answers, window := report.Windows.Of(w.name), calls.Of(w.name)
		if answers.Answers.Succeeded != 20 || answers.Seconds != 20 {
			t.Errorf("%s counts %d answers in %v s, want 20 in 20 s", w.name, answers.Answers.Succeeded, answers.Seconds)
		}
		if window.Calls.Complete != 20 || window.Seconds != 20 {
			t.Errorf("%s counts %d calls in %v s, want 20 in 20 s", w.name, window.Calls.Complete, window.Seconds)
		}
	}
}

// K7: the same where the clock is set forth: nothing leaves its window early.
func TestK7WindowsOutliveAWallClockThatIsSetForth(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	b := NewBackend(begun)
	b.Record(begun, succeeded(time.Millisecond))
	if n := b.Report(testkit.Ahead(begun.Add(time.Second), 2*time.Hour), "one").Windows.Of(Window1h).Answers.Succeeded; n != 1 {
		t.Errorf("the hour counts %d answers, want the one of a second ago", n)
	}
}

// K7: the durations that hedges go by.
func TestK7RecentOutlivesAWallClockThatIsSetRight(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	r := &Recent{}
	r.Observe(testkit.Ahead(begun, tooFar), time.Millisecond)
	if _, n := r.Quantile(begun.Add(time.Second), 0.5); n != 1 {
		t.Errorf("%d durations are known, want the one of a second ago", n)
	}
}

func TestRecentKnowsOneToTwoMinutes(t *testing.T) {
	t.Parallel()
	r := &Recent{}
	r.Observe(start, time.Millisecond)
	r.Observe(start.Add(70*time.Second), time.Millisecond)
	for _, row := range []struct {
		after time.Duration
		want  uint64
	}{{71 * time.Second, 2}, {119 * time.Second, 2}, {120 * time.Second, 1}, {179 * time.Second, 1}, {180 * time.Second, 0}, {time.Hour, 0}} {
		if _, n := r.Quantile(start.Add(row.after), 0.5); n != row.want {
			t.Errorf("after %v there are %d durations, want %d", row.after, n, row.want)
		}
	}
}

// K7: of two proxies whose wall clocks differ, the failure that is the younger one is
// the last.
func TestK7LastFailureIsTheYoungest(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	one, two := NewBackend(begun), NewBackend(begun)
	one.Record(testkit.Ahead(begun, tooFar), failed(fanout.Timeout, 0))
	two.Record(begun.Add(time.Minute), failed(fanout.Status, 503))
	now := begun.Add(61 * time.Second)
	sum := Merge([]RouteReport{sent(t, one.Report(now, "a")), sent(t, two.Report(now, "a"))})
	if f := sum.Backends[0].LastFailure; f.Status != 503 || f.AgeSeconds != 1 || !f.Time.Equal(begun.Add(time.Minute)) {
		t.Errorf("the last failure is %+v, want status 503 of a second ago", f)
	}
}

// sent is what arrives of a report: a monotonic clock is its process's own.
func sent(t *testing.T, b BackendReport) (r RouteReport) {
	t.Helper()
	encoded, err := json.Marshal(RouteReport{Backends: []BackendReport{b}})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &r); err != nil {
		t.Fatal(err)
	}
	return r
}
