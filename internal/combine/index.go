package combine

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
)

// index lists the keys of several objects in the order of their first appearance,
// with the bytes of their values. Keys compare decoded (RFC 8259, section 8.3).
type index struct {
	entries []entry
	extra   []extra // values beyond the first of each key, as linked lists
	table   []int32 // open addressing: place of an entry, plus one
	seed    maphash.Seed
	object  int32 // number of the object that is being added
	scratch [][]byte
}

type entry struct {
	key, value []byte // key with its quotes
	hash       uint64
	object     int32 // that of the last value
	more, last int32 // first and last extra value, plus one
}

type extra struct {
	value []byte
	next  int32 // plus one
}

func newIndex() *index { return &index{seed: maphash.MakeSeed(), table: make([]int32, 64)} }

func (ix *index) reset() {
	clear(ix.table)
	clear(ix.entries)
	clear(ix.extra)
	ix.entries, ix.extra, ix.object = ix.entries[:0], ix.extra[:0], 0
}

// addObject adds the members of a valid object.
func (ix *index) addObject(b []byte) {
	ix.object++
	i := skipSpace(b, 1)
	for b[i] != '}' {
		keyEnd, value := scanKey(b, i)
		end := scanValue(b, value, 0)
		ix.add(b[i:keyEnd], b[value:end])
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
}

func (ix *index) add(key, value []byte) {
	plain := decodeKey(key)
	hash := maphash.Bytes(ix.seed, plain)
	place := ix.find(hash, plain)
	if *place == 0 {
		ix.entries = append(ix.entries, entry{key: key, value: value, hash: hash, object: ix.object})
		*place = int32(len(ix.entries)) //nolint:gosec // a body has at most 64 MiB
		if 2*len(ix.entries) > len(ix.table) {
			ix.grow()
		}
		return
	}
	ix.again(&ix.entries[*place-1], value)
}

// again adds a value to a key that is known. Within one object the last one wins.
func (ix *index) again(e *entry, value []byte) {
	if e.object == ix.object {
		if e.last > 0 {
			ix.extra[e.last-1].value = value
		} else {
			e.value = value
		}
		return
	}
	e.object = ix.object
	ix.extra = append(ix.extra, extra{value: value})
	n := int32(len(ix.extra)) //nolint:gosec // as above
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
		if n == 0 || ix.entries[n-1].hash == hash && bytes.Equal(decodeKey(ix.entries[n-1].key), plain) {
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
		ix.table[i] = int32(n + 1)
	}
}

// values returns all values of a key in the order of the objects. The slice is
// used again by the next call on this index.
func (ix *index) values(e *entry) [][]byte {
	ix.scratch = append(ix.scratch[:0], e.value)
	for n := e.more; n != 0; n = ix.extra[n-1].next {
		ix.scratch = append(ix.scratch, ix.extra[n-1].value)
	}
	return ix.scratch
}

// decodeKey returns the text of a key. Almost none has an escape.
func decodeKey(key []byte) []byte {
	inner := key[1 : len(key)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if err := json.Unmarshal(key, &s); err != nil {
		return inner
	}
	return []byte(s)
}

// appendElements adds the elements of a valid array.
func appendElements(elements [][]byte, b []byte) [][]byte {
	i := skipSpace(b, 1)
	for b[i] != ']' {
		end := scanValue(b, i, 0)
		elements = append(elements, b[i:end])
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return elements
}

func allBegin(values [][]byte, c byte) bool {
	for _, v := range values {
		if v[0] != c {
			return false
		}
	}
	return true
}

// allEqual compares bytes, insignificant space aside: 1.0 and 1 are different, as
// their receivers may see them so.
func allEqual(values [][]byte) bool {
	for _, v := range values[1:] {
		if !bytes.Equal(v, values[0]) && !bytes.Equal(compact(v), compact(values[0])) {
			return false
		}
	}
	return true
}

// distinct keeps the first of equal values.
func distinct(values [][]byte) [][]byte {
	seen := make(map[string]struct{}, len(values))
	var out [][]byte
	for _, v := range values {
		key := string(compact(v))
		if _, ok := seen[key]; !ok {
			seen[key] = struct{}{}
			out = append(out, v)
		}
	}
	return out
}

// compact drops the space outside strings of a valid value.
func compact(v []byte) []byte {
	if c := v[0]; c != '{' && c != '[' {
		return v
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case ' ', '\n', '\r', '\t':
		case '"':
			end := scanString(v, i)
			out = append(out, v[i:end]...)
			i = end - 1
		default:
			out = append(out, v[i])
		}
	}
	return out
}
