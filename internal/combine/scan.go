package combine

// maxDepth bounds the nesting of a body, and with it our own recursion.
const maxDepth = 512

// scanner finds where the values of a JSON text end (RFC 8259).
type scanner struct {
	text []byte
	// record asks for the tape.
	record bool
	tape   []member
	// tooDeep tells a text that is nested beyond maxDepth from one that is no JSON.
	tooDeep bool
}

// member is a member of an object: where in the text its key and value stand. Key
// includes the quotes.
type member struct {
	key, keyEnd, value, valueEnd int32
	// next is the place on the tape of the member after this one. Members of the
	// value, where it is an object, stand in between.
	next int32
}

// offset is safe for what a backend may send: maxResponseSize ends at 64 MiB.
func offset(i int) int32 { return int32(i) } //nolint:gosec // see above

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// value returns the end of the value that begins at i inside of depth containers,
// or -1.
func (s *scanner) value(i, depth int) int {
	if i >= len(s.text) {
		return -1
	}
	switch c := s.text[i]; c {
	case '"':
		return scanString(s.text, i)
	case '{', '[':
		if depth >= maxDepth {
			s.tooDeep = true
			return -1
		}
		if c == '{' {
			return s.object(i, depth)
		}
		// A merge looks into objects only: the tape leaves arrays out.
		record := s.record
		s.record = false
		end := s.array(i, depth)
		s.record = record
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

func (s *scanner) array(i, depth int) int {
	i = skipSpace(s.text, i+1)
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

func (s *scanner) object(i, depth int) int {
	i = skipSpace(s.text, i+1)
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
func (s *scanner) member(i, depth int) int {
	keyEnd, value := scanKey(s.text, i)
	if value < 0 {
		return -1
	}
	if !s.record {
		return s.value(value, depth+1)
	}
	place := len(s.tape)
	s.tape = append(s.tape, member{})
	end := s.value(value, depth+1)
	// Field by field: a literal is built aside and copied, at five times the cost.
	m := &s.tape[place]
	m.key, m.keyEnd, m.value, m.valueEnd = offset(i), offset(keyEnd), offset(value), offset(end)
	m.next = offset(len(s.tape))
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
	colon := skipSpace(b, keyEnd)
	if colon >= len(b) || b[colon] != ':' {
		return 0, -1
	}
	return keyEnd, skipSpace(b, colon+1)
}

// separator follows an element: a comma, after which there is more, or the end of
// the container. It returns where the next element or what is after the container
// begins, or -1.
func separator(b []byte, i int, end byte) (next int, more bool) {
	i = skipSpace(b, i)
	if i >= len(b) {
		return -1, false
	}
	switch b[i] {
	case ',':
		return skipSpace(b, i+1), true
	case end:
		return i + 1, false
	}
	return -1, false
}
