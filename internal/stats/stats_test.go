package stats

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

var start = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

func succeeded(d time.Duration) *fanout.Answer {
	return &fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Elapsed: d, Attempts: 1}
}

func failed(r fanout.Reason, status int) *fanout.Answer {
	return &fanout.Answer{Outcome: fanout.Failed, Reason: r, Status: status, Elapsed: time.Millisecond, Attempts: 1}
}

func canceled(d time.Duration) *fanout.Answer {
	return &fanout.Answer{Outcome: fanout.Canceled, Elapsed: d, Attempts: 1}
}

// Case F1 of the field.
func TestF1RateCountsSuccessesAndFailuresAlone(t *testing.T) {
	t.Parallel()
	b := NewBackend(start)
	for range 50 {
		b.Record(start, succeeded(time.Millisecond))
		b.Record(start, failed(fanout.Status, 500))
	}
	for range 100 {
		b.Record(start, canceled(time.Millisecond))
		b.Record(start, &fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.RateLimited})
		b.Record(start, &fanout.Answer{Outcome: fanout.Skipped})
		b.Record(start, &fanout.Answer{Outcome: fanout.Pending})
	}
	a := b.Report(start, "one").Windows.Of(Window1m).Answers
	if rate, ok := a.SuccessRate(); rate != 0.5 || !ok || a.Canceled != 100 || a.RejectedTotal() != 100 || a.Skipped != 100 {
		t.Errorf("rate %v of %+v, want 0.5", rate, a)
	}
	if _, ok := NewBackend(start).Report(start, "two").Windows.Of(Window5m).Answers.SuccessRate(); ok {
		t.Error("there is a rate without answers")
	}
}

func TestAnswersLeaveTheirWindow(t *testing.T) {
	t.Parallel()
	b := NewBackend(start)
	b.Record(start, succeeded(time.Millisecond))
	for _, row := range []struct {
		after time.Duration
		want  map[string]uint64
	}{
		{0, map[string]uint64{Window1m: 1, Window5m: 1, Window1h: 1}},
		{54 * time.Second, map[string]uint64{Window1m: 1, Window5m: 1, Window1h: 1}},
		{61 * time.Second, map[string]uint64{Window1m: 0, Window5m: 1, Window1h: 1}},
		{5*time.Minute + time.Second, map[string]uint64{Window1m: 0, Window5m: 0, Window1h: 1}},
		{time.Hour + time.Second, map[string]uint64{Window1m: 0, Window5m: 0, Window1h: 0}},
	} {
		report := b.Report(start.Add(row.after), "one")
		for window, want := range row.want {
			if got := report.Windows.Of(window).Answers.Succeeded; got != want {
				t.Errorf("after %v %s counts %d, want %d", row.after, window, got, want)
			}
		}
	}
	if total, _ := b.Total(); total.Succeeded != 1 {
		t.Errorf("the total is %+v", total)
	}
}

// However the clock moves, windows agree with a plain list of events.
func TestWindowsFollowTheModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	b, now := NewBackend(start), start
	var events []time.Time
	for range 5000 {
		now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
		b.Record(now, succeeded(time.Millisecond))
		events = append(events, now)
		if r.IntN(50) > 0 {
			continue
		}
		for _, w := range windows() {
			first := now.Sub(start)/w.slot - slots + 1
			want := 0
			for _, e := range events {
				if e.Sub(start)/w.slot >= first {
					want++
				}
			}
			if got := b.Report(now, "one").Windows.Of(w.name).Answers.Succeeded; got != uint64(want) {
				t.Fatalf("%s counts %d at %v, want %d", w.name, got, now, want)
			}
		}
	}
}

func TestQuantilesAreExactToFivePercent(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	b := NewBackend(start)
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(math.Exp(r.NormFloat64()*1.5) * float64(20*time.Millisecond))
		all = append(all, d)
		b.Record(start, succeeded(d))
	}
	slices.Sort(all)
	h := b.Report(start, "one").Windows.Of(Window1m).Duration
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 1} {
		want := all[int(math.Ceil(q*float64(len(all))))-1]
		if got := h.Quantile(q); math.Abs(float64(got-want)) > 0.05*float64(want) {
			t.Errorf("quantile %v is %v, want %v within 5 %%", q, got, want)
		}
	}
}

func TestReportsOfProxiesAddUp(t *testing.T) {
	t.Parallel()
	one, two := NewBackend(start), NewBackend(start)
	one.Record(start, succeeded(time.Millisecond))
	one.Record(start, failed(fanout.Timeout, 0))
	two.Record(start.Add(time.Second), failed(fanout.Status, 503))
	now := start.Add(2 * time.Second)
	sum := Merge([]RouteReport{
		{Name: "r", Backends: []BackendReport{one.Report(now, "a")}, Missing: []MissingKey{{Secret: "s", Key: "k", Stale: true}}},
		{Name: "r", Backends: []BackendReport{two.Report(now, "a")}, Missing: []MissingKey{{Secret: "s", Key: "k"}}},
	})
	a := sum.Backends[0].Windows.Of(Window1m).Answers
	if a.Succeeded != 1 || a.Failed["timeout"] != 1 || a.Failed["status"] != 1 || a.Faulty != 2 || a.Attempts != 3 {
		t.Errorf("the sum is %+v", a)
	}
	if sum.Backends[0].LastFailure.Status != 503 {
		t.Errorf("the last failure is %+v, want the newest", sum.Backends[0].LastFailure)
	}
	if len(sum.Missing) != 1 || sum.Missing[0].Stale {
		t.Errorf("missing are %+v, want one that is not stale: a proxy has no value at all", sum.Missing)
	}
	if n := one.Report(now, "a").Windows.Of(Window1m).Answers.Failed["status"]; n != 0 {
		t.Errorf("adding changed a proxy's own report")
	}
}

// A dead backend must not hide behind Any: what is canceled later than its own
// median, or without one, is late.
func TestLateCancels(t *testing.T) {
	t.Parallel()
	b := NewBackend(start)
	b.Record(start, canceled(time.Millisecond))
	for range 10 {
		b.Record(start, succeeded(100*time.Millisecond))
	}
	now := start.Add(time.Minute) // the median is renewed at most every 5 s
	b.Record(now, canceled(50*time.Millisecond))
	b.Record(now, canceled(200*time.Millisecond))
	if a := b.Report(now, "one").Windows.Of(Window5m).Answers; a.Canceled != 3 || a.Late != 2 {
		t.Errorf("%d canceled, %d late; want 3 and 2", a.Canceled, a.Late)
	}
}

// Canceled at the very median is not late: half of all answers take no longer.
func TestTheMedianItselfIsNotLate(t *testing.T) {
	t.Parallel()
	b := NewBackend(start)
	for range 100 {
		b.Record(start, succeeded(40*time.Millisecond))
	}
	h := b.Report(start, "one").Windows.Of(Window5m).Duration
	median := h.Quantile(0.5)
	for took, want := range map[time.Duration]uint64{median - 1: 0, median: 0, median + 1: 1} {
		before := b.Report(start, "one").Windows.Of(Window5m).Answers.Late
		b.Record(start, canceled(took))
		if late := b.Report(start, "one").Windows.Of(Window5m).Answers.Late - before; late != want {
			t.Errorf("canceled after %v, the median being %v: %d late, want %d", took, median, late, want)
		}
	}
}

func TestRecordingIsSafeAtOnce(t *testing.T) {
	t.Parallel()
	b := NewBackend(start)
	var running sync.WaitGroup
	for w := range 8 {
		running.Go(func() {
			for i := range 1000 {
				b.Record(start.Add(time.Duration(i*w)*time.Millisecond), succeeded(time.Millisecond))
			}
		})
	}
	running.Wait()
	if total, h := b.Total(); total.Succeeded != 8000 || h.Total() != 8000 {
		t.Errorf("counted %d and %d of 8000", total.Succeeded, h.Total())
	}
}

func TestReportsSurviveJSON(t *testing.T) {
	t.Parallel()
	b := NewBackend(start)
	b.Record(start, failed(fanout.TooLarge, 200))
	before := Report{Document: "x", Ready: true, Routes: []RouteReport{{Name: "r", Backends: []BackendReport{b.Report(start, "a")}}}}
	encoded, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	after := Report{}
	if err := json.Unmarshal(encoded, &after); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(after); string(again) != string(encoded) {
		t.Errorf("got %s, want %s", again, encoded)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		Percent(1, true): "100%", Percent(0.99999, true): "99.9%", Percent(0.9, true): "90%", Percent(0, true): "0%", Percent(0, false): "",
		PerSecond(125, 10): "12.5/s", PerSecond(0, 0): "0/s", PerSecond(123456, 100): "1230/s",
		Short(0): "", Short(123456): "120µs", Short(1544 * time.Microsecond): "1.5ms", Short(12345 * time.Microsecond): "12ms", Short(1234 * time.Millisecond): "1.23s",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// L2: thinned durations have the total and the quantiles that they had.
func TestL2ThinHistogramsKeepQuantiles(t *testing.T) {
	t.Parallel()
	quantiles := []float64{0.50, 0.95, 0.99}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		h := Histogram{Seconds: 5}
		for i := firstBucket; i <= lastBucket; i++ {
			if r.IntN(1+int(seed)) < 3 {
				h.Counts = append(h.Counts, Count{i, 1 + r.Uint64N(1+seed*seed)})
			}
		}
		thin := h.thin(quantiles...)
		if thin.Total() != h.Total() || thin.Seconds != 5 || len(thin.Counts) > len(quantiles) {
			t.Errorf("seed %d: %d durations became %+v", seed, h.Total(), thin)
		}
		for _, q := range quantiles {
			if a, b := h.Quantile(q), thin.Quantile(q); a != b {
				t.Errorf("seed %d: quantile %v of %v became %v", seed, q, a, b)
			}
		}
	}
}

// L2: adding up leaves the other histogram as it is, and has every bucket once.
func TestL2HistogramsAddUp(t *testing.T) {
	t.Parallel()
	other := Histogram{Counts: Counts{{-3, 1}, {0, 2}, {5, 3}}}
	sum := Histogram{}
	sum.Add(other)
	sum.Add(Histogram{Counts: Counts{{-9, 1}, {0, 1}, {4, 1}, {9, 1}}})
	sum.Add(other)
	if want := (Counts{{-9, 1}, {-3, 2}, {0, 5}, {4, 1}, {5, 6}, {9, 1}}); !slices.Equal(sum.Counts, want) {
		t.Errorf("the sum is %v, want %v", sum.Counts, want)
	}
	if want := (Counts{{-3, 1}, {0, 2}, {5, 3}}); !slices.Equal(other.Counts, want) {
		t.Errorf("the other one became %v", other.Counts)
	}
}
