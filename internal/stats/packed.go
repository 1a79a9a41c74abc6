package stats

import "encoding/binary"

// packed are counts of which most are none: the sum of the durations, and for each that is
// some how many come before it that are none, and the count itself, all as varints. It is
// empty where there are none at all.
type packed string

// sums are counts as they are added up.
type sums struct {
	micros uint64
	counts tally
	spread [buckets]uint64
}

// cell is the place of a count, those of durations after the others.
func (t *sums) cell(i int) *uint64 {
	if i < counters {
		return &t.counts[i]
	}
	return &t.spread[i-counters]
}

func (t *sums) pack() packed {
	var room [512]byte // of most
	out := binary.AppendUvarint(room[:0], t.micros)
	gap, empty := uint64(0), t.micros == 0
	for i := range counters + buckets {
		n := *t.cell(i)
		if n == 0 {
			gap++
			continue
		}
		out = binary.AppendUvarint(binary.AppendUvarint(out, gap), n)
		gap, empty = 0, false
	}
	if empty {
		return ""
	}
	return packed(out)
}

// add adds what is packed.
func (t *sums) add(p packed) {
	if p == "" {
		return
	}
	in := reader{p}
	t.micros += in.next()
	for i := 0; in.left != ""; i++ {
		i += int(in.next()) //nolint:gosec // as it was packed: a cell
		*t.cell(i) += in.next()
	}
}

// tally are counts without those of durations.
type tally [counters]uint64

// add adds what is packed, as far as it is of them: they come first.
func (t *tally) add(p packed) {
	if p == "" {
		return
	}
	in := reader{p}
	in.next()
	for i := 0; in.left != ""; i++ {
		if i += int(in.next()); i >= counters { //nolint:gosec // as it was packed: a cell
			return
		}
		t[i] += in.next()
	}
}

// reader reads varints.
type reader struct{ left packed }

func (r *reader) next() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := r.left[0]
		r.left = r.left[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
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
