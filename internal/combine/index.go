package combine

import (
	"bytes"
	"hash/maphash"
	"runtime"
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
	room    *room
	added   int // values
	taken   int // of the room, beyond what an index for few values has anyway
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

// An index for few values takes 3 KiB, and is kept for the next merge. A larger one takes
// room: for each place of its table 4 bytes and half an entry of 56, and for extra values.
const (
	fewPlaces  = 64
	placeWidth = 4 + 56/2
	extraWidth = 12
)

// turn is after how many values others get the processor: a merge of millions would hold
// it for 10 ms at a time, at each step of everybody else's call.
const turn = 1024

func newIndex(room *room) *index {
	return &index{
		table: make([]int32, fewPlaces), entries: make([]entry, 0, fewPlaces/2), extra: make([]extra, 0, fewPlaces/2), room: room,
	}
}

func (ix *index) reset() {
	clear(ix.table)
	clear(ix.entries) // lets go of the bodies
	ix.entries, ix.extra, ix.room = ix.entries[:0], ix.extra[:0], nil
	ix.added = 0
}

func (ix *index) add(seed maphash.Seed, plain []byte, value ref) {
	if len(ix.entries) == cap(ix.entries) && !ix.grow() {
		return
	}
	if ix.added++; ix.added%turn == 0 {
		runtime.Gosched()
	}
	hash := maphash.Bytes(seed, plain)
	place := ix.find(hash, plain)
	if *place == 0 {
		ix.entries = append(ix.entries, entry{})
		e := &ix.entries[len(ix.entries)-1] // field by field, as the tape
		e.plain, e.hash, e.first, e.lastBody = plain, hash, value, value.body
		*place = offset(len(ix.entries))
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
	if len(ix.extra) == cap(ix.extra) && !ix.growExtra() {
		return
	}
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

// grow doubles the table and the room for entries, of which half as many fit; false where
// there is none.
func (ix *index) grow() bool {
	before, places := len(ix.table), 2*len(ix.table)
	if !ix.widen(before > fewPlaces, before*placeWidth, places*placeWidth) {
		return false
	}
	ix.entries = append(make([]entry, 0, places/2), ix.entries...)
	ix.table = make([]int32, places)
	mask := uint64(len(ix.table) - 1) //nolint:gosec // never empty
	for n := range ix.entries {
		i := ix.entries[n].hash & mask
		for ix.table[i] != 0 {
			i = (i + 1) & mask
		}
		ix.table[i] = offset(n + 1)
	}
	return true
}

// growExtra doubles the room for further values; false where there is none.
func (ix *index) growExtra() bool {
	before, n := cap(ix.extra), 2*cap(ix.extra)
	if !ix.widen(before > fewPlaces/2, before*extraWidth, n*extraWidth) {
		return false
	}
	ix.extra = append(make([]extra, 0, n), ix.extra...)
	return true
}

// widen takes room for what replaces something else, whose room it gives back if that
// was taken.
func (ix *index) widen(taken bool, before, after int) bool {
	if !ix.room.take(after) {
		return false
	}
	ix.taken += after
	if taken { // it is garbage now
		ix.room.give(before)
		ix.taken -= before
	}
	return true
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
