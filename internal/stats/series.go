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

// open counts what happens now. What every answer adds to stands together, in one line of a
// processor's cache as a rule: lines that cores take from each other are the price of counting.
type open struct {
	number atomic.Int64 // how many slots since the series' start
	micros atomic.Uint64
	counts [counters]atomic.Uint32
	spread [buckets]atomic.Uint32
}

func (s *open) count(counter int, n uint32) { s.counts[counter].Add(n) }

func (s *open) observe(d time.Duration) {
	s.micros.Add(uint64(max(d, 0).Microseconds())) //nolint:gosec // not negative
	s.spread[bucket(d)].Add(1)
}

// drain moves what was counted. Who was about to count meanwhile does so for the slot that
// comes: nothing is lost, and nothing counts twice.
func (s *open) drain(into *sums) {
	into.micros += s.micros.Swap(0)
	for i := range s.counts {
		if s.counts[i].Load() > 0 {
			into.counts[i] += uint64(s.counts[i].Swap(0))
		}
	}
	for i := range s.spread {
		if s.spread[i].Load() > 0 {
			into.spread[i] += uint64(s.spread[i].Swap(0))
		}
	}
}

// addOpen adds what was counted until now.
func (t *sums) addOpen(s *open) {
	t.micros += s.micros.Load()
	t.counts.addOpen(s)
	for i := range s.spread {
		t.spread[i] += uint64(s.spread[i].Load())
	}
}

func (t *tally) addOpen(s *open) {
	for i := range s.counts {
		t[i] += uint64(s.counts[i].Load())
	}
}

// slot is what happened within one span of time that is over.
type slot struct {
	number int64
	cells  packed
}

// ring holds the newest slots of one width.
type ring [slots]slot

// take adds counts to the slot with a number, unless that is too old to be here, and returns the
// slot that had to leave.
func (r *ring) take(cells packed, number int64) (left slot) {
	place := &r[number%slots]
	switch {
	case place.cells == "":
		*place = slot{number, cells}
	case place.number == number:
		total := sums{}
		total.add(place.cells)
		total.add(cells)
		place.cells = total.pack()
	case place.number < number:
		left = *place
		*place = slot{number, cells}
	}
	return left
}

// recent adds up the slots up to the current one, each of which is so many of this ring.
func (r *ring) recent(total *sums, current, each int64) {
	for i := range r {
		if s := &r[i]; s.number/each <= current && s.number/each > current-slots {
			total.add(s.cells)
		}
	}
}

// series counts events in all windows and since the start. Events add to counters of the
// caller's choice; those with a duration add to the spread too.
//
// An event is written into one open slot, no more: sixteen additions that two cores contend for
// took 226 ns. The first event after five seconds closes it: what it has counted is packed, since
// most of its cells are empty, and thirty-six slots with all of them took 50 KiB. A slot whose place
// is wanted is a minute old, and is then added to the wider windows and to all that is gone; who
// sums one of these adds the narrow slots.
type series struct {
	open    open
	started time.Time

	mu     sync.Mutex // for who closes a slot, and for who sums
	narrow ring
	wider  [2]ring // of the windows after the first
	gone   packed
}

func newSeries(started time.Time) *series { return &series{started: started} }

// at is where what happens now is counted. It takes the lock once in five seconds.
func (s *series) at(now time.Time) *open {
	if number := Spans(s.started, now, windows()[0].slot); number > s.open.number.Load() {
		s.turn(number)
	}
	return &s.open
}

// turn closes the open slot and opens one with a number, unless somebody else was first.
func (s *series) turn(number int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.open.number.Load()
	if before >= number {
		return
	}
	counted := sums{}
	s.open.drain(&counted)
	s.open.number.Store(number)
	left := s.narrow.take(counted.pack(), before)
	if left.cells == "" {
		return
	}
	total := sums{}
	total.add(s.gone)
	total.add(left.cells)
	s.gone = total.pack()
	for i := range s.wider {
		s.wider[i].take(left.cells, left.number/each(i+1))
	}
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
	if number := s.open.number.Load() / each(i); number <= current && number > current-slots {
		total.addOpen(&s.open)
	}
	return total, min(covered, max(age, time.Second)).Seconds()
}

// total sums everything since the start.
func (s *series) total() (t sums) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.add(s.gone)
	for i := range s.narrow {
		t.add(s.narrow[i].cells)
	}
	t.addOpen(&s.open)
	return t
}
