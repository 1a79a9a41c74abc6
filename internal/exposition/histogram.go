package exposition

import (
	dto "github.com/prometheus/client_model/go"

	"github.com/fanout-operator/fanout/internal/stats"
)

// bridged is how many empty buckets are written out, rather than the beginning of another
// span.
const bridged = 2

// native is a histogram in Prometheus' sparse form: spans of buckets, and for each bucket how many
// more it has than the one before.
func native(h *stats.Histogram) *dto.Histogram {
	out := &dto.Histogram{
		Schema: new(int32(stats.Schema)), ZeroThreshold: new(0.0), ZeroCount: new(uint64(0)),
		SampleCount: new(h.Total()), SampleSum: new(h.Seconds),
	}
	if len(h.Counts) == 0 { // a span without a bucket tells it from a classic one
		out.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(0)), Length: new(uint32(0))}}
		return out
	}
	spans, deltas := 1, 1
	for i := 1; i < len(h.Counts); i++ {
		gap := h.Counts[i].Bucket - h.Counts[i-1].Bucket - 1
		if gap > bridged {
			spans, gap = spans+1, 0
		}
		deltas += 1 + gap
	}
	out.PositiveSpan, out.PositiveDelta = make([]*dto.BucketSpan, 0, spans), make([]int64, 0, deltas)
	var before int64
	add := func(n int64) {
		*out.PositiveSpan[len(out.PositiveSpan)-1].Length++
		out.PositiveDelta = append(out.PositiveDelta, n-before)
		before = n
	}
	next := 0
	for i, c := range h.Counts {
		gap := c.Bucket - next
		if i == 0 || gap > bridged {
			out.PositiveSpan = append(out.PositiveSpan, &dto.BucketSpan{Offset: new(int32(gap)), Length: new(uint32(0))}) //nolint:gosec // some hundreds
			gap = 0
		}
		for range gap {
			add(0)
		}
		add(int64(c.N)) //nolint:gosec // a count of events
		next = c.Bucket + 1
	}
	return out
}

// classic are the cumulative buckets of a histogram.
func (p *Page) classic(h *stats.Histogram) []*dto.Bucket {
	list, counts := make([]*dto.Bucket, len(p.bounds)), make([]bucket, len(p.bounds))
	next, n := 0, uint64(0)
	for i := range p.bounds {
		for next < len(h.Counts) && h.Counts[next].Bucket <= p.last[i] {
			n += h.Counts[next].N
			next++
		}
		b := &counts[i]
		b.bound, b.n = p.bounds[i].Seconds(), n
		b.of.UpperBound, b.of.CumulativeCount = &b.bound, &b.n
		list[i] = &b.of
	}
	return list
}

// bucket is all that a classic bucket takes, in one piece.
type bucket struct {
	of    dto.Bucket
	bound float64
	n     uint64
}
