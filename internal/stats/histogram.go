package stats

import (
	"math"
	"time"
)

// Buckets are those of a Prometheus native histogram of schema 4: sixteen to a
// power of two, so a percentile is exact to 5 %. They span 61 µs to 64 s; what
// lies outside counts in the first or the last one.
const (
	Schema      = 4
	perOctave   = 1 << Schema
	firstBucket = -14 * perOctave
	lastBucket  = 6 * perOctave
	buckets     = lastBucket - firstBucket + 1
)

// bucket returns the place of a duration among the buckets. Bucket i holds what
// is above 2^((i-1)/16) seconds, up to 2^(i/16).
func bucket(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	i := int(math.Ceil(math.Log2(d.Seconds()) * perOctave))
	return min(max(i, firstBucket), lastBucket) - firstBucket
}

// Histogram counts durations by bucket. Histograms of several proxies add up.
type Histogram struct {
	// Counts maps the index of a bucket, as Prometheus numbers it, to its count.
	Counts map[int]uint64 `json:"counts,omitempty"`
	// Seconds is the sum of all durations.
	Seconds float64 `json:"seconds,omitempty"`
}

// Total returns the number of durations counted.
func (h *Histogram) Total() uint64 {
	var n uint64
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Add adds another histogram's counts to this one.
func (h *Histogram) Add(other Histogram) {
	if h.Counts == nil && len(other.Counts) > 0 {
		h.Counts = make(map[int]uint64, len(other.Counts))
	}
	for i, c := range other.Counts {
		h.Counts[i] += c
	}
	h.Seconds += other.Seconds
}

// Quantile returns the duration below which the share q of all lie, 0 < q <= 1;
// 0 without any. It is the geometric middle of the bucket that holds it.
func (h *Histogram) Quantile(q float64) time.Duration {
	total := h.Total()
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(total)))
	var seen uint64
	for i := firstBucket; i <= lastBucket; i++ {
		seen += h.Counts[i]
		if seen >= rank {
			return middle(i)
		}
	}
	return 0
}

// middle is the geometric middle of a bucket.
func middle(i int) time.Duration {
	return time.Duration(math.Exp2((float64(i)-0.5)/perOctave) * float64(time.Second))
}
