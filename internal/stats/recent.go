package stats

import (
	"math"
	"sync"
	"time"
)

// Recent knows the durations of the last one to two minutes. The zero value is
// ready; it is safe for concurrent use.
type Recent struct {
	mu          sync.Mutex
	turned      time.Time // when the current minute began
	now, before [buckets]uint32
}

// Observe counts a duration.
func (r *Recent) Observe(now time.Time, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	r.now[bucket(d)]++
}

// Quantile returns the duration below which the share q of all lie, and how many
// there are.
func (r *Recent) Quantile(now time.Time, q float64) (d time.Duration, n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	for i := range r.now {
		n += uint64(r.now[i]) + uint64(r.before[i])
	}
	rank := uint64(math.Ceil(q * float64(n)))
	var seen uint64
	for i := range r.now {
		if seen += uint64(r.now[i]) + uint64(r.before[i]); seen >= rank && seen > 0 {
			return middle(i + firstBucket), n
		}
	}
	return 0, n
}

// turn begins a new minute.
func (r *Recent) turn(now time.Time) {
	if r.turned.IsZero() {
		r.turned = now
	}
	minutes := Spans(r.turned, now, time.Minute)
	if minutes == 0 {
		return
	}
	if r.before = r.now; minutes > 1 {
		r.before = [buckets]uint32{}
	}
	r.now, r.turned = [buckets]uint32{}, r.turned.Add(time.Duration(minutes)*time.Minute)
}
