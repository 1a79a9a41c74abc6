package stats

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/fanout-operator/fanout/internal/rawjson"
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
	*c = nil
	object, ok := (&rawjson.Scanner{}).Scan(raw) // stricter than encoding/json, as its members have to be
	switch {
	case !ok || object[0] != '{' && object[0] != 'n':
		return errCounts
	case object[0] == 'n':
		return nil
	}
	list := make(Counts, 0, bytes.Count(object, []byte{':'})) // no key has one that is a number
	for key, value := range rawjson.Members(object) {
		bucket, err := strconv.Atoi(string(rawjson.Unquote(key)))
		if err != nil {
			return fmt.Errorf("decode counts: a bucket is no number: %w", err)
		}
		n := uint64(0)
		if value[0] != 'n' {
			if n, err = strconv.ParseUint(string(value), 10, 64); err != nil {
				return fmt.Errorf("decode counts: %w", err)
			}
		}
		list = append(list, Count{bucket, n})
	}
	list = slices.DeleteFunc(inOrder(list), func(c Count) bool { return c.Bucket < firstBucket || c.Bucket > lastBucket || c.N == 0 })
	if len(list) > 0 { // else none, as where none are told
		*c = list
	}
	return nil
}

var errCounts = errors.New("decode counts: they are no object")

// inOrder has each bucket once, in order; the last count of several is meant, as in any object.
func inOrder(list Counts) Counts {
	for i := 1; i < len(list); i++ {
		if list[i-1].Bucket >= list[i].Bucket {
			slices.Reverse(list)
			slices.SortStableFunc(list, func(a, b Count) int { return cmp.Compare(a.Bucket, b.Bucket) })
			return slices.CompactFunc(list, func(a, b Count) bool { return a.Bucket == b.Bucket })
		}
	}
	return list
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
