package combine

import (
	"bytes"
	"hash/maphash"
)

// ref names a member: its body and its place on the body's tape. The root of a
// body has place root.
type ref struct{ body, place int32 }

const root = -1

// index lists the keys of several objects, one of each body, in the order of their
// first appearance, with their values. Keys compare decoded (RFC 8259, section
// 8.3).
type index struct {
	entries []entry
	extra   []extra // values beyond the first of each key, as linked lists
	table   []int32 // open addressing: place of an entry, plus one
	scratch []ref
}

type entry struct {
	plain      []byte
	hash       uint64
	first      ref
	lastBody   int32
	more, last int32 // first and last extra value, plus one
}

type extra struct {
	value ref
	next  int32 // plus one
}

// offset is safe for what a backend may send: maxResponseSize ends at 64 MiB.
func offset(i int) int32 { return int32(i) } //nolint:gosec // see above

// maxKept bounds the table of an index that is kept for the next merge, so that
// one large body does not hold its memory for ever.
const maxKept = 4096

func newIndex() *index { return &index{table: make([]int32, 64)} }

func (ix *index) reset() {
	clear(ix.table)
	clear(ix.entries) // lets go of the bodies
	ix.entries, ix.extra = ix.entries[:0], ix.extra[:0]
}

func (ix *index) add(seed maphash.Seed, plain []byte, value ref) {
	hash := maphash.Bytes(seed, plain)
	place := ix.find(hash, plain)
	if *place == 0 {
		ix.entries = append(ix.entries, entry{})
		e := &ix.entries[len(ix.entries)-1] // field by field, as the tape
		e.plain, e.hash, e.first, e.lastBody = plain, hash, value, value.body
		*place = offset(len(ix.entries))
		if 2*len(ix.entries) > len(ix.table) {
			ix.grow()
		}
		return
	}
	ix.again(&ix.entries[*place-1], value)
}

// again adds a value to a key that is known. Within one body the last one wins.
func (ix *index) again(e *entry, value ref) {
	if e.lastBody == value.body {
		if e.last > 0 {
			ix.extra[e.last-1].value = value
		} else {
			e.first = value
		}
		return
	}
	e.lastBody = value.body
	ix.extra = append(ix.extra, extra{value: value})
	n := offset(len(ix.extra))
	if e.last > 0 {
		ix.extra[e.last-1].next = n
	} else {
		e.more = n
	}
	e.last = n
}

// find returns the place in the table where a key is or would be.
func (ix *index) find(hash uint64, plain []byte) *int32 {
	mask := uint64(len(ix.table) - 1) //nolint:gosec // never empty
	for i := hash & mask; ; i = (i + 1) & mask {
		n := ix.table[i]
		if n == 0 || ix.entries[n-1].hash == hash && bytes.Equal(ix.entries[n-1].plain, plain) {
			return &ix.table[i]
		}
	}
}

func (ix *index) grow() {
	ix.table = make([]int32, 2*len(ix.table))
	mask := uint64(len(ix.table) - 1) //nolint:gosec // never empty
	for n := range ix.entries {
		i := ix.entries[n].hash & mask
		for ix.table[i] != 0 {
			i = (i + 1) & mask
		}
		ix.table[i] = offset(n + 1)
	}
}

// values returns all values of a key in the order of the bodies. The slice is used
// again by the next call on this index.
func (ix *index) values(e *entry) []ref {
	ix.scratch = append(ix.scratch[:0], e.first)
	for n := e.more; n != 0; n = ix.extra[n-1].next {
		ix.scratch = append(ix.scratch, ix.extra[n-1].value)
	}
	return ix.scratch
}
