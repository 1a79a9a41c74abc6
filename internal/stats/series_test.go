package stats

import (
	"math/rand/v2"
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
		var events []time.Time
		for i := range 240 {
			switch random.IntN(20) {
			case 0:
				now = now.Add(time.Duration(random.IntN(5400)) * time.Second)
			default:
				now = now.Add(time.Duration(random.IntN(9000)) * time.Millisecond)
			}
			b.Record(now, succeeded(time.Millisecond))
			events = append(events, now)
			if i%6 != 0 {
				continue
			}
			looked := now.Add(time.Duration(random.IntN(3)) * time.Second)
			report := b.Report(looked, "one")
			for _, w := range windows() {
				want := uint64(0)
				for _, at := range events {
					if Spans(start, at, w.slot) > Spans(start, looked, w.slot)-slots {
						want++
					}
				}
				of := report.Windows[w.name]
				if of.Answers.Succeeded != want || of.Duration.Total() != want || of.Answers.Attempts != want {
					t.Fatalf("seed %d, %v after the start: %s has %+v of %d durations, want %d", seed, looked.Sub(start), w.name, of.Answers, of.Duration.Total(), want)
				}
			}
			if total, durations := b.Total(); total.Succeeded != uint64(len(events)) || durations.Total() != uint64(len(events)) {
				t.Fatalf("seed %d: %d answers and %d durations in all, want %d", seed, total.Succeeded, durations.Total(), len(events))
			}
		}
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
