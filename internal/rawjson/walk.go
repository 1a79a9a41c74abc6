package rawjson

import "iter"

// Compact drops the space outside strings of a valid value. It returns the value
// itself where there is none.
func Compact(v []byte) []byte {
	if c := v[0]; c != '{' && c != '[' {
		return v
	}
	var out []byte
	copied := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case ' ', '\n', '\r', '\t':
			out = append(out, v[copied:i]...)
			copied = i + 1
		case '"':
			i = scanString(v, i) - 1
		}
	}
	if copied == 0 {
		return v
	}
	return append(out, v[copied:]...)
}

// Members are the keys, with their quotes, and the values of a valid object, in their
// order.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		s := Scanner{text: object}
		i := SkipSpace(object, 1)
		for more := object[i] != '}'; more; {
			keyEnd, value := scanKey(object, i)
			end := s.value(value, 1)
			if !yield(object[i:keyEnd], object[value:end]) {
				return
			}
			i, more = separator(object, end, '}')
		}
	}
}

// Elements are those of a valid array.
func Elements(array []byte) iter.Seq[[]byte] {
	return func(yield func(element []byte) bool) {
		rest := newElements(array)
		for e := rest.next(); e != nil; e = rest.next() {
			if !yield(e) {
				return
			}
		}
	}
}

// elements walks over a valid array.
type elements struct {
	scanner Scanner
	at      int
	more    bool
}

func newElements(array []byte) *elements {
	i := SkipSpace(array, 1)
	return &elements{scanner: Scanner{text: array}, at: i, more: array[i] != ']'}
}

// next is the element at hand, nil behind the last.
func (e *elements) next() []byte {
	if !e.more {
		return nil
	}
	begin := e.at
	end := e.scanner.value(begin, 1)
	e.at, e.more = separator(e.scanner.text, end, ']')
	return e.scanner.text[begin:end]
}
