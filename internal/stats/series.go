package stats

import (
	"sync"
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

// The places of Window1m and Window5m among them.
const (
	oneMinute = iota
	fiveMinutes
)

// slot counts what happened within one span of time. A slot is never emptied: a new one takes
// its place in the ring, so that a late writer cannot spoil it. What every answer adds to stands
// together, in one line of a processor's cache as a rule: lines that cores take from each other are the price of counting.
type slot struct {
	number int64 // how many slots since the series' start
	micros atomic.Uint64
	counts [counters]atomic.Uint32
	spread [buckets]atomic.Uint32
}

func (s *slot) count(counter int, n uint32) { s.counts[counter].Add(n) }

func (s *slot) observe(d time.Duration) {
	s.micros.Add(uint64(max(d, 0).Microseconds())) //nolint:gosec // not negative
	s.spread[bucket(d)].Add(1)
}

// add adds what another slot has counted.
func (s *slot) add(other *slot) {
	s.micros.Add(other.micros.Load())
	for i := range other.counts {
		s.counts[i].Add(other.counts[i].Load())
	}
	for i := range other.spread {
		s.spread[i].Add(other.spread[i].Load())
	}
}

// ring holds the newest slots of one width. Slots are made at first use.
type ring [slots]atomic.Pointer[slot]

// take adds a slot of another ring to the one with a number, unless that is too old to be here.
func (r *ring) take(other *slot, number int64) {
	place := &r[number%slots]
	s := place.Load()
	if s != nil && s.number > number {
		return
	}
	if s == nil || s.number < number {
		s = &slot{number: number}
		place.Store(s)
	}
	s.add(other)
}

// recent adds up the slots up to the current one, each of which is so many of this ring.
func (r *ring) recent(total *sums, current, each int64) {
	for i := range r {
		s := r[i].Load()
		if s != nil && s.number/each <= current && s.number/each > current-slots {
			total.add(s)
		}
	}
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
//
// An event is written into one slot of the narrowest window, no more: sixteen additions that two
// cores contend for took 226 ns. A slot whose place is wanted is a minute old, and is then added to the
// wider windows and to all that is gone; who sums one of these adds the narrow slots.
type series struct {
	started time.Time
	narrow  ring

	mu    sync.Mutex // for who gives a place in narrow to another slot, and for who sums
	wider [2]ring    // of the windows after the first
	gone  sums
}

func newSeries(started time.Time) *series { return &series{started: started} }

// at is the slot for what happens now. It takes the lock once in five seconds.
func (s *series) at(now time.Time) *slot {
	number := Spans(s.started, now, windows()[0].slot)
	if current := s.narrow[number%slots].Load(); current != nil && current.number >= number {
		return current
	}
	return s.turn(number)
}

// turn puts a new slot into its place, unless somebody else was first.
func (s *series) turn(number int64) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := &s.narrow[number%slots]
	old := place.Load()
	if old != nil && old.number >= number {
		return old
	}
	if old != nil {
		s.gone.add(old)
		for i := range s.wider {
			s.wider[i].take(old, old.number/each(i+1))
		}
	}
	fresh := &slot{number: number}
	place.Store(fresh)
	return fresh
}

// each is how many narrow slots one of a window is.
func each(i int) int64 { return int64(windows()[i].slot / windows()[0].slot) }

// sum adds up one of the windows and returns the seconds that it covers.
func (s *series) sum(now time.Time, i int) (total sums, seconds float64) {
	width, age := windows()[i].slot, max(now.Sub(s.started), 0)
	covered := (slots-1)*width + age%width
	current := int64(age / width)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.narrow.recent(&total, current, each(i))
	if i > 0 {
		s.wider[i-1].recent(&total, current, 1)
	}
	return total, min(covered, max(age, time.Second)).Seconds()
}

// total sums everything since the start.
func (s *series) total() sums {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.gone
	for i := range s.narrow {
		if of := s.narrow[i].Load(); of != nil {
			t.add(of)
		}
	}
	return t
}
