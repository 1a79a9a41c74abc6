package outgoing

import (
	"bytes"
	"strconv"
	"strings"
)

// hasDotSegment reports whether a raw path has a segment that some server takes for . or
// .. (RFC 3986, section 5.2.4), however lenient it reads: escaped once or many times, in
// overlong UTF-8, with a backslash for a slash, cut at ; ? # or NUL, or without blanks.
func hasDotSegment(path string) bool {
	if !strings.ContainsFunc(path, func(c rune) bool { return c == '.' || c == '%' || c >= 0x80 }) {
		return false
	}
	for segment := range bytes.FieldsFuncSeq(lenient(path), func(c rune) bool { return c == '/' || c == '\\' }) {
		if i := bytes.IndexAny(segment, ";?#\x00"); i >= 0 {
			segment = segment[:i]
		}
		switch string(bytes.Map(visible, segment)) {
		case ".", "..":
			return true
		}
	}
	return false
}

// visible drops blanks and control characters.
func visible(c rune) rune {
	if c <= ' ' || c == 0x7f {
		return -1
	}
	return c
}

// lenient decodes a path until nothing is left to decode, in one pass: what an escape
// yields may complete another one before it.
func lenient(path string) []byte {
	out := make([]byte, 0, len(path))
	for i := range len(path) {
		out = append(out, path[i])
		for again := true; again; {
			out, again = decodeEnd(out)
		}
	}
	return out
}

// decodeEnd decodes an escape at the end: %2e, %u002e (of IIS), or two to four bytes
// of UTF-8 that stand for an ASCII character (RFC 3629, section 10).
func decodeEnd(b []byte) ([]byte, bool) {
	n := len(b)
	if n >= 6 && b[n-6] == '%' && b[n-5]|0x20 == 'u' {
		if c, ok := hex(b[n-4:]); ok && c < 0x80 {
			return append(b[:n-6], byte(c)), true
		}
	}
	if n >= 3 && b[n-3] == '%' {
		if c, ok := hex(b[n-2:]); ok {
			return append(b[:n-3], byte(c)), true //nolint:gosec // two digits
		}
	}
	if n < 2 || b[n-1]&0xc0 != 0x80 {
		return b, false
	}
	for _, lead := range [...]string{"", "\xe0", "\xf0\x80"} { // before two bytes with seven bits
		first := byte(0x80) // of the two
		if lead == "" {
			first = 0xc0
		}
		if b[n-2]&0xfe == first && bytes.HasSuffix(b[:n-2], []byte(lead)) {
			return append(b[:n-2-len(lead)], b[n-2]<<6|b[n-1]&0x3f), true
		}
	}
	return b, false
}

func hex(digits []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(digits), 16, 16)
	return n, err == nil
}
