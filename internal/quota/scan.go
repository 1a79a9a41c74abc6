package quota

import (
	"errors"
	"strconv"
)

const (
	// maxDepth is how deep the lists of a message may be nested: those of CLUSTER SLOTS are
	// four deep.
	maxDepth = 8
	// maxBytes and maxElements bound a message: the library makes room for all elements that
	// a list says it has before it sees one.
	maxBytes, maxElements = 1 << 20, 1 << 16
	// keptWords of a message are kept, each up to keptBytes.
	keptWords, keptBytes = 3, 256
)

var (
	errNotRESP  = errors.New("not RESP3")
	errTooLarge = errors.New("too large")
)

// message is what a scanner keeps of one.
type message struct {
	kind byte
	// size is how many elements a list has, two for each pair of a map; -1 for null.
	size  int
	words [keptWords]word
}

// text is that of the message, or of one of its first elements, as far as it is kept; empty
// where that is a list or a number.
func (m *message) text(i int) string { return m.words[i].String() }

// list says whether the message has elements.
func (m *message) list() bool { return m.kind == '*' || m.kind == '~' || m.kind == '%' }

type word struct {
	bytes [keptBytes]byte
	size  int // of the text, kept or not
}

// String implements fmt.Stringer.
func (w *word) String() string { return string(w.bytes[:min(w.size, keptBytes)]) }

// place is where in a message a scanner is.
type place byte

const (
	atKind place = iota
	inLine
	inText
	atReturn
	atFeed
)

// scanner finds the ends of messages in bytes that pass. It takes RESP3 as servers of today
// send it: no streams, no attributes, no pushes within others, no byte too many.
type scanner struct {
	message message

	place place
	kind  byte // of the element
	// kept is the index of its word, keptWords for none.
	kept int
	// line is that of a number or a length, up to the return.
	line     [24]byte
	length   int
	returned bool
	rest     int // of the text
	// open is how many elements each list lacks, the outermost first.
	open            [maxDepth]int
	depth           int
	taken, elements int
}

// next takes a byte, and says whether it completes a message.
func (s *scanner) next(b byte) (bool, error) {
	if s.taken++; s.taken > maxBytes {
		return false, errTooLarge
	}
	switch s.place {
	case inLine:
		return s.nextOfLine(b)
	case inText:
		s.keep(b)
		if s.rest--; s.rest == 0 {
			s.place = atReturn
		}
		return false, nil
	case atReturn:
		s.place = atFeed
		return false, must(b == '\r')
	case atFeed:
		return s.settle(), must(b == '\n')
	case atKind:
	}
	return false, s.begin(b)
}

// must is the error of a message where a rule does not hold.
func must(holds bool) error {
	if holds {
		return nil
	}
	return errNotRESP
}

func (s *scanner) begin(kind byte) error {
	s.kind, s.kept, s.length, s.place = kind, keptWords, 0, inLine
	switch s.depth {
	case 0:
		s.elements, s.kept = 0, 0
		s.message.kind, s.message.size = kind, 0
		for i := range s.message.words {
			s.message.words[i].size = 0
		}
	case 1:
		s.kept = min(s.message.size-s.open[0], keptWords)
	}
	switch kind {
	case '+', '-', ',', '(', ':', '_', '#', '$', '=', '*', '%', '~':
		return nil
	case '>':
		return must(s.depth == 0)
	}
	return errNotRESP
}

func (s *scanner) keep(b byte) {
	if s.kept == keptWords {
		return
	}
	w := &s.message.words[s.kept]
	if w.size < keptBytes {
		w.bytes[w.size] = b
	}
	w.size++
}

func (s *scanner) nextOfLine(b byte) (bool, error) {
	if s.returned {
		s.returned = false
		if b != '\n' {
			return false, errNotRESP
		}
		return s.endOfLine()
	}
	if b == '\r' {
		s.returned = true
		return false, nil
	}
	if s.spoken() {
		s.keep(b)
		return false, must(b != '\n')
	}
	if s.length == len(s.line) {
		return false, errNotRESP
	}
	s.line[s.length] = b
	s.length++
	return false, nil
}

// spoken says whether the line of an element is text.
func (s *scanner) spoken() bool {
	return s.kind == '+' || s.kind == '-' || s.kind == ',' || s.kind == '('
}

func (s *scanner) endOfLine() (bool, error) {
	line := string(s.line[:s.length])
	switch s.kind {
	case '+', '-', ',', '(':
		return s.settle(), nil
	case ':':
		_, err := strconv.ParseInt(line, 10, 64)
		return s.settle(), must(err == nil && line[0] != '+')
	case '_':
		return s.settle(), must(line == "")
	case '#':
		return s.settle(), must(line == "t" || line == "f")
	}
	if line == "-1" && (s.kind == '$' || s.kind == '*') {
		if s.depth == 0 {
			s.message.size = -1
		}
		return s.settle(), nil
	}
	n, err := strconv.ParseUint(line, 10, 63)
	if err != nil {
		return false, errNotRESP
	}
	if n > maxBytes {
		return false, errTooLarge
	}
	if s.kind == '$' || s.kind == '=' {
		s.rest, s.place = int(n), inText
		if n == 0 {
			s.place = atReturn
		}
		return false, nil
	}
	return s.list(int(n))
}

// list opens a list of n elements, or pairs of them.
func (s *scanner) list(n int) (bool, error) {
	if s.kind == '%' {
		n *= 2
	}
	if s.depth == 0 {
		s.message.size = n
	}
	if n == 0 {
		return s.settle(), nil
	}
	if s.elements += n; s.elements > maxElements || s.depth == maxDepth {
		return false, errTooLarge
	}
	s.open[s.depth] = n
	s.depth++
	s.place = atKind
	return false, nil
}

// settle ends an element, with all lists of which it is the last, and says whether the
// message ends with it.
func (s *scanner) settle() bool {
	s.place = atKind
	for s.depth > 0 {
		if s.open[s.depth-1]--; s.open[s.depth-1] > 0 {
			return false
		}
		s.depth--
	}
	s.taken = 0
	return true
}
