package stats

import (
	"sync/atomic"
	"time"
)

// Each window is the sum of twelve slots, the current one included: it covers eleven
// twelfths of its name and more. Slots are counted from the series' start.
const slots = 12

// Spans returns how many whole spans have passed from start to now, none where now is
// the earlier one. Both are readings of time.Now, so that the monotonic clock counts: a
// wall clock is set, forth and back, and what was counted by one that was ahead would be
// hidden for as long as it had been. A span is above 0.
func Spans(start, now time.Time, span time.Duration) int64 {
	return int64(max(now.Sub(start), 0) / span)
}

// window is a span that is summed.
type window struct {
	name string
	slot time.Duration
}

func windows() [3]window {
	return [...]window{{Window1m, 5 * time.Second}, {Window5m, 25 * time.Second}, {Window1h, 5 * time.Minute}}
}

// fiveMinutes is the place of Window5m among them.
const fiveMinutes = 1

// slot counts what happened within one span of time. A slot is never emptied: a
// new one takes its place in the ring, so that a late writer cannot spoil it.
type slot struct {
	number int64 // how many slots since the series' start
	counts [counters]atomic.Uint32
	spread [buckets]atomic.Uint32
	micros atomic.Uint64
}

// ring holds the newest slots of one width. Slots are made at first use.
type ring [slots]atomic.Pointer[slot]

// at returns the slot of a number.
func (r *ring) at(number int64) *slot {
	place := &r[number%slots]
	for {
		s := place.Load()
		if s != nil && s.number >= number {
			return s
		}
		place.CompareAndSwap(s, &slot{number: number}) // or somebody else was first
	}
}

// recent sums the slots up to the current one.
func (r *ring) recent(current int64) sums {
	var total sums
	for i := range r {
		s := r[i].Load()
		if s != nil && s.number <= current && s.number > current-slots {
			total.add(s)
		}
	}
	return total
}

// sums are the counts of several slots.
type sums struct {
	counts [counters]uint64
	spread [buckets]uint64
	micros uint64
}

func (t *sums) add(s *slot) {
	for i := range s.counts {
		t.counts[i] += uint64(s.counts[i].Load())
	}
	for i := range s.spread {
		t.spread[i] += uint64(s.spread[i].Load())
	}
	t.micros += s.micros.Load()
}

func (t *sums) histogram() Histogram {
	h := Histogram{Seconds: float64(t.micros) / 1e6}
	for i, c := range t.spread {
		if c == 0 {
			continue
		}
		h.Counts = append(h.Counts, Count{i + firstBucket, c})
	}
	return h
}

// series counts events in all windows and since the start. Events add to counters of the
// caller's choice; those with a duration add to the spread too.
type series struct {
	started time.Time
	windows [3]ring // by window
	counts  [counters]atomic.Uint64
	spread  [buckets]atomic.Uint64
	micros  atomic.Uint64
}

func newSeries(started time.Time) *series { return &series{started: started} }

func (s *series) count(now time.Time, counter int, n uint32) {
	for i, w := range windows() {
		s.windows[i].at(Spans(s.started, now, w.slot)).counts[counter].Add(n)
	}
	s.counts[counter].Add(uint64(n))
}

func (s *series) observe(now time.Time, d time.Duration) {
	b, micros := bucket(d), uint64(max(d, 0).Microseconds()) //nolint:gosec // not negative
	for i, w := range windows() {
		slot := s.windows[i].at(Spans(s.started, now, w.slot))
		slot.spread[b].Add(1)
		slot.micros.Add(micros)
	}
	s.spread[b].Add(1)
	s.micros.Add(micros)
}

// sum adds up one of the windows and returns the seconds that it covers.
func (s *series) sum(now time.Time, i int) (sums, float64) {
	width, age := windows()[i].slot, max(now.Sub(s.started), 0)
	covered := (slots-1)*width + age%width
	return s.windows[i].recent(int64(age / width)), min(covered, max(age, time.Second)).Seconds()
}

// total sums everything since the start.
func (s *series) total() sums {
	var t sums
	for i := range s.counts {
		t.counts[i] = s.counts[i].Load()
	}
	for i := range s.spread {
		t.spread[i] = s.spread[i].Load()
	}
	t.micros = s.micros.Load()
	return t
}
