package stats

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Count is how many durations a bucket holds.
type Count struct {
	// Bucket is its index, as Prometheus numbers it.
	Bucket int
	N      uint64
}

// Counts are those of a histogram, in the order of their buckets, without the empty ones:
// an operator keeps one for each backend of each Pod, and a map takes several times that.
// In JSON they are an object of counts by bucket.
type Counts []Count

// MarshalJSON implements json.Marshaler.
func (c Counts) MarshalJSON() ([]byte, error) {
	encoded := []byte{'{'}
	for i, of := range c {
		if i > 0 {
			encoded = append(encoded, ',')
		}
		encoded = fmt.Appendf(encoded, `"%d":%d`, of.Bucket, of.N)
	}
	return append(encoded, '}'), nil
}

// UnmarshalJSON implements json.Unmarshaler. It overlooks buckets that there are not.
func (c *Counts) UnmarshalJSON(raw []byte) error {
	var byBucket map[int]uint64
	if err := json.Unmarshal(raw, &byBucket); err != nil {
		return fmt.Errorf("decode counts: %w", err)
	}
	list := make(Counts, 0, min(len(byBucket), buckets))
	for i, n := range byBucket {
		if i >= firstBucket && i <= lastBucket && n > 0 {
			list = append(list, Count{i, n})
		}
	}
	if len(list) == 0 {
		list = nil // as where there are none
	}
	slices.SortFunc(list, func(a, b Count) int { return cmp.Compare(a.Bucket, b.Bucket) })
	*c = list
	return nil
}

// plus returns the sum. It may take place in c, never in the other one.
func (c Counts) plus(other Counts) Counts {
	if len(c) == 0 {
		return slices.Clone(other)
	}
	at := 0
	for _, of := range other {
		for at < len(c) && c[at].Bucket < of.Bucket {
			at++
		}
		if at < len(c) && c[at].Bucket == of.Bucket {
			c[at].N += of.N
			continue
		}
		c = slices.Insert(c, at, of) // once a bucket: later sums find it
	}
	return c
}

// thin returns a histogram with the same quantiles, as many buckets as there are of them,
// and the same total. They rise.
func (h *Histogram) thin(quantiles ...float64) Histogram {
	out, total, before := Histogram{Seconds: h.Seconds}, h.Total(), uint64(0)
	for i, q := range quantiles {
		rank := uint64(math.Ceil(q * float64(total)))
		if i == len(quantiles)-1 {
			rank = total
		}
		if rank > before {
			out.Counts = out.Counts.plus(Counts{{h.at(q), rank - before}})
			before = rank
		}
	}
	return out
}
