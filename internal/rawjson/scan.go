// Package rawjson finds out where the values of a JSON text stand (RFC 8259), and
// leaves their bytes alone: no number is ever read, nothing is decoded that nobody asks
// for, and nothing grows beyond the text but by what is asked for.
package rawjson

import "bytes"

// MaxDepth bounds the nesting of a text, and with it our own recursion.
const MaxDepth = 512

// Scanner finds where the values of a JSON text end.
type Scanner struct {
	// Record asks for the tape. Tape holds the members of the text's root, where it is
	// an object, and of the objects in it; what stands in arrays is left out.
	Record bool
	Tape   []Member
	// TooDeep tells a text that is nested beyond MaxDepth from one that is no JSON.
	TooDeep bool

	text []byte
}

// Member is a member of an object: where in the text its key and value stand. Key
// includes the quotes.
type Member struct {
	Key, KeyEnd, Value, ValueEnd int32
	// Next is the place on the tape of the member after this one. Members of the
	// value, where it is an object, stand in between.
	Next int32
}

// offset is safe for what is scanned: no body is larger than 64 MiB.
func offset(i int) int32 { return int32(i) } //nolint:gosec // see above

// byteOrderMark must not be sent in JSON but may be ignored (RFC 8259, section
// 8.1).
const byteOrderMark = "\xef\xbb\xbf"

// Scan returns the one value that a text is, without space around it, and whether
// there is one. Offsets of the tape are those within the value.
func (s *Scanner) Scan(text []byte) (value []byte, ok bool) {
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	text = text[SkipSpace(text, 0):]
	s.text = text
	end := s.value(0, 0)
	if end < 0 || SkipSpace(text, end) != len(text) {
		return nil, false
	}
	return text[:end], true
}

// SkipSpace returns where what is not space begins, from i on.
func SkipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// value returns the end of the value that begins at i inside of depth containers,
// or -1.
func (s *Scanner) value(i, depth int) int {
	if i >= len(s.text) {
		return -1
	}
	switch c := s.text[i]; c {
	case '"':
		return scanString(s.text, i)
	case '{', '[':
		if depth >= MaxDepth {
			s.TooDeep = true
			return -1
		}
		if c == '{' {
			return s.object(i, depth)
		}
		// A merge looks into objects only: the tape leaves arrays out.
		record := s.Record
		s.Record = false
		end := s.array(i, depth)
		s.Record = record
		return end
	case 't':
		return scanWord(s.text, i, "true")
	case 'f':
		return scanWord(s.text, i, "false")
	case 'n':
		return scanWord(s.text, i, "null")
	}
	return scanNumber(s.text, i)
}

func (s *Scanner) array(i, depth int) int {
	i = SkipSpace(s.text, i+1)
	if i < len(s.text) && s.text[i] == ']' {
		return i + 1
	}
	for more := true; more; {
		if i = s.value(i, depth+1); i < 0 {
			return -1
		}
		i, more = separator(s.text, i, ']')
	}
	return i
}

func (s *Scanner) object(i, depth int) int {
	i = SkipSpace(s.text, i+1)
	if i < len(s.text) && s.text[i] == '}' {
		return i + 1
	}
	for more := true; more; {
		if i = s.member(i, depth); i < 0 {
			return -1
		}
		i, more = separator(s.text, i, '}')
	}
	return i
}

// member returns the end of the member whose key begins at i, or -1.
func (s *Scanner) member(i, depth int) int {
	keyEnd, value := scanKey(s.text, i)
	if value < 0 {
		return -1
	}
	if !s.Record {
		return s.value(value, depth+1)
	}
	place := len(s.Tape)
	s.Tape = append(s.Tape, Member{})
	end := s.value(value, depth+1)
	// Field by field: a literal is built aside and copied, at five times the cost.
	m := &s.Tape[place]
	m.Key, m.KeyEnd, m.Value, m.ValueEnd = offset(i), offset(keyEnd), offset(value), offset(end)
	m.Next = offset(len(s.Tape))
	return end
}

// scanKey returns the end of the key that begins at i, and the beginning of its
// value, which is -1 where there is none.
func scanKey(b []byte, i int) (keyEnd, value int) {
	if i >= len(b) || b[i] != '"' {
		return 0, -1
	}
	keyEnd = scanString(b, i)
	if keyEnd < 0 {
		return 0, -1
	}
	colon := SkipSpace(b, keyEnd)
	if colon >= len(b) || b[colon] != ':' {
		return 0, -1
	}
	return keyEnd, SkipSpace(b, colon+1)
}

// separator follows an element: a comma, after which there is more, or the end of
// the container. It returns where the next element or what is after the container
// begins, or -1.
func separator(b []byte, i int, end byte) (next int, more bool) {
	i = SkipSpace(b, i)
	if i >= len(b) {
		return -1, false
	}
	switch b[i] {
	case ',':
		return SkipSpace(b, i+1), true
	case end:
		return i + 1, false
	}
	return -1, false
}
