package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// Slots that leave the narrow window are added to the wider ones. What a window shows, and the
// total, are what counting every event by its time shows, after pauses of any length too.
func TestWindowsAreThoseOfAPlainCount(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 0))
		b, now := NewBackend(start), start
		var events []event
		for i := range 240 {
			switch random.IntN(20) {
			case 0:
				now = now.Add(time.Duration(random.IntN(5400)) * time.Second)
			default:
				now = now.Add(time.Duration(random.IntN(9000)) * time.Millisecond)
			}
			took := middle(firstBucket + random.IntN(buckets))
			b.Record(now, succeeded(took))
			events = append(events, event{now, took})
			if i%6 != 0 {
				continue
			}
			looked := now.Add(time.Duration(random.IntN(3)) * time.Second)
			report := b.Report(looked, "one")
			for _, w := range windows() {
				want := plainly(events, func(at time.Time) bool { return Spans(start, at, w.slot) > Spans(start, looked, w.slot)-slots })
				of := report.Windows.Of(w.name)
				if n := want.Total(); of.Answers.Succeeded != n || of.Answers.Attempts != n || !alike(&of.Duration, &want) {
					t.Fatalf("seed %d, %v after the start: %s has %+v and\n%v, want\n%v", seed, looked.Sub(start), w.name, of.Answers, of.Duration, want)
				}
			}
			all := plainly(events, func(time.Time) bool { return true })
			if total, durations := b.Total(); total.Succeeded != all.Total() || !alike(&durations, &all) {
				t.Fatalf("seed %d: %d answers and in all\n%v, want\n%v", seed, total.Succeeded, durations, all)
			}
		}
	}
}

// event is an answer that took so long.
type event struct {
	at   time.Time
	took time.Duration
}

// plainly counts the durations of events.
func plainly(events []event, within func(time.Time) bool) (h Histogram) {
	for _, e := range events {
		if within(e.at) {
			h.Add(Histogram{Counts: Counts{{bucket(e.took) + firstBucket, 1}}, Seconds: float64(e.took.Microseconds()) / 1e6})
		}
	}
	return h
}

func alike(a, b *Histogram) bool {
	return slices.Equal(a.Counts, b.Counts) && math.Abs(a.Seconds-b.Seconds) < 1e-6*(1+b.Seconds)
}

// What is packed is all there when it is added, and what is added to stays.
func TestPackedCountsAreAllThere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var counted, twice sums
		for i := range counters + buckets {
			if random.IntN(1+int(seed)) == 0 {
				*counted.cell(i) = random.Uint64() >> (random.IntN(63) + 1)
			}
			*twice.cell(i) = 2 * *counted.cell(i)
		}
		counted.micros = random.Uint64() >> 1
		twice.micros = 2 * counted.micros
		p := counted.pack()
		var got sums
		var words tally
		for range 2 {
			got.add(p)
			words.add(p)
		}
		if got != twice || words != twice.counts {
			t.Fatalf("seed %d: packed and added twice it is\n%v, want\n%v", seed, got, twice)
		}
	}
	if nothing := (&sums{}).pack(); nothing != "" {
		t.Errorf("nothing is packed as %q", nothing)
	}
}

// No event is lost or counted twice where several come first in a slot, and somebody sums meanwhile.
func TestSlotsTurnBesideThoseWhoCount(t *testing.T) {
	t.Parallel()
	b, most := NewBackend(start), uint64(0)
	for second := range 130 {
		var wait sync.WaitGroup
		now := start.Add(time.Duration(second) * time.Second)
		for range 4 {
			wait.Go(func() {
				for range 20 {
					b.Record(now, succeeded(time.Millisecond))
				}
			})
		}
		for range 3 {
			if total, _ := b.Total(); total.Succeeded < most {
				t.Fatalf("after %d answers there are %d", most, total.Succeeded)
			} else {
				most = total.Succeeded
			}
		}
		wait.Wait()
	}
	if total, durations := b.Total(); total.Succeeded != 130*80 || durations.Total() != 130*80 {
		t.Errorf("%d answers and %d durations, want %d", total.Succeeded, durations.Total(), 130*80)
	}
}

// Counting an answer makes nothing.
func TestRecordingAllocatesNothing(t *testing.T) {
	b, r := NewBackend(start), NewRoute(start)
	a := succeeded(time.Millisecond)
	if n := testing.AllocsPerRun(100, func() {
		b.Record(start, a)
		r.Record(start, fanout.Complete, time.Millisecond)
		r.Refuse(start)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
