package stats

import (
	"sync/atomic"
	"time"
)

// The slots of a series: 12 of 5 s and 60 of 1 min, aligned with the wall clock.
const (
	shortSlot  = 5 * time.Second
	shortSlots = 12
	longSlot   = time.Minute
	longSlots  = 60
)

// slot counts what happened within one span of time. A slot is never emptied: a
// new one takes its place in the ring, so that a late writer cannot spoil it.
type slot struct {
	number int64 // how many slots since 1970
	counts [counters]atomic.Uint32
	spread [buckets]atomic.Uint32
	micros atomic.Uint64
}

// ring holds the newest slots of one width. Slots are made at first use.
type ring struct {
	width time.Duration
	slots []atomic.Pointer[slot]
}

func newRing(width time.Duration, n int) ring {
	return ring{width: width, slots: make([]atomic.Pointer[slot], n)}
}

// at returns the slot for now.
func (r *ring) at(now time.Time) *slot {
	number := now.UnixNano() / int64(r.width)
	place := &r.slots[number%int64(len(r.slots))]
	for {
		s := place.Load()
		if s != nil && s.number >= number {
			return s
		}
		fresh := &slot{number: number}
		if place.CompareAndSwap(s, fresh) {
			return fresh
		}
	}
}

// recent sums the newest n slots, the current one included, and returns how much
// time they cover.
func (r *ring) recent(now time.Time, n int) (sums, time.Duration) {
	current := now.UnixNano() / int64(r.width)
	var total sums
	for i := range r.slots {
		s := r.slots[i].Load()
		if s != nil && s.number <= current && s.number > current-int64(n) {
			total.add(s)
		}
	}
	into := time.Duration(now.UnixNano() % int64(r.width))
	return total, time.Duration(n-1)*r.width + into
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
		if h.Counts == nil {
			h.Counts = map[int]uint64{}
		}
		h.Counts[i+firstBucket] = c
	}
	return h
}

// series counts events in both rings and since the start. Events add to counters
// of the caller's choice; those with a duration add to the spread too.
type series struct {
	started     time.Time
	short, long ring
	counts      [counters]atomic.Uint64
	spread      [buckets]atomic.Uint64
	micros      atomic.Uint64
}

func newSeries(started time.Time) *series {
	return &series{
		started: started,
		short:   newRing(shortSlot, shortSlots),
		long:    newRing(longSlot, longSlots),
	}
}

func (s *series) count(now time.Time, counter int, n uint32) {
	s.short.at(now).counts[counter].Add(n)
	s.long.at(now).counts[counter].Add(n)
	s.counts[counter].Add(uint64(n))
}

func (s *series) observe(now time.Time, d time.Duration) {
	i, micros := bucket(d), uint64(max(d, 0).Microseconds()) //nolint:gosec // not negative
	for _, slot := range [2]*slot{s.short.at(now), s.long.at(now)} {
		slot.spread[i].Add(1)
		slot.micros.Add(micros)
	}
	s.spread[i].Add(1)
	s.micros.Add(micros)
}

// window sums one of the windows and returns the seconds that it covers.
func (s *series) window(now time.Time, name string) (sums, float64) {
	r, n := &s.long, longSlots
	switch name {
	case Window1m:
		r, n = &s.short, shortSlots
	case Window5m:
		n = 5
	}
	total, covered := r.recent(now, n)
	return total, min(covered, max(now.Sub(s.started), time.Second)).Seconds()
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
