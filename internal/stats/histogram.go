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
// is above 2^((i-1)/16) seconds, up to 2^(i/16). Nothing takes no time at all: that has no
// logarithm.
func bucket(d time.Duration) int {
	i := int(math.Ceil(math.Log2(max(d, 1).Seconds()) * perOctave))
	return min(max(i, firstBucket), lastBucket) - firstBucket
}

// Histogram counts durations by bucket. Histograms of several proxies add up.
type Histogram struct {
	Counts Counts `json:"counts,omitempty"`
	// Seconds is the sum of all durations.
	Seconds float64 `json:"seconds,omitempty"`
}

// Total returns the number of durations counted.
func (h *Histogram) Total() uint64 {
	var n uint64
	for _, c := range h.Counts {
		n += c.N
	}
	return n
}

// Add adds another histogram's counts to this one.
func (h *Histogram) Add(other Histogram) {
	h.Counts = h.Counts.plus(other.Counts)
	h.Seconds += other.Seconds
}

// Quantile returns the duration below which the share q of all lie, 0 < q <= 1;
// 0 without any. It is the geometric middle of the bucket that holds it.
func (h *Histogram) Quantile(q float64) time.Duration {
	if len(h.Counts) == 0 {
		return 0
	}
	return middle(h.at(q))
}

// at is the bucket that holds the quantile, of a histogram with counts.
func (h *Histogram) at(q float64) int {
	rank := uint64(math.Ceil(q * float64(h.Total())))
	var seen uint64
	for _, c := range h.Counts {
		if seen += c.N; seen >= rank {
			return c.Bucket
		}
	}
	return h.Counts[len(h.Counts)-1].Bucket
}

// middle is the geometric middle of a bucket.
func middle(i int) time.Duration {
	return time.Duration(math.Exp2((float64(i)-0.5)/perOctave) * float64(time.Second))
}
