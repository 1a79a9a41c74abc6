package rawjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

func scanWord(b []byte, i int, word string) int {
	if end := i + len(word); end <= len(b) && string(b[i:end]) == word {
		return end
	}
	return -1
}

// scanString returns the end of the string that begins at i, or -1 where it has
// none or is no UTF-8. Escapes of lone surrogates pass: RFC 8259, section 8.2,
// leaves their meaning to the receiver, and only it sees them.
func scanString(b []byte, i int) int {
	for i++; i < len(b); {
		if i = skipPlain(b, i); i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = scanEscape(b, i); i < 0 {
				return -1
			}
		case c < ' ':
			return -1
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return -1
			}
			i += size
		}
	}
	return -1
}

// skipPlain passes over ASCII that means itself, eight bytes at a time. A byte's
// high bit survives if the byte is below the space, a quote or a backslash (the
// subtraction borrows) or beyond ASCII; a borrow can only mark bytes after one
// that is marked rightly.
func skipPlain(b []byte, i int) int {
	const (
		ones   = 0x0101010101010101
		high   = 0x80 * ones
		space  = ' ' * ones
		quote  = '"' * ones
		escape = '\\' * ones
	)
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		if marks := (w | (w - space) | ((w ^ quote) - ones) | ((w ^ escape) - ones)) & high; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	return i
}

// scanEscape returns the end of the escape that begins at i, or -1.
func scanEscape(b []byte, i int) int {
	if i+1 >= len(b) {
		return -1
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 <= len(b) && isHex(b[i+2]) && isHex(b[i+3]) && isHex(b[i+4]) && isHex(b[i+5]) {
			return i + 6
		}
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func scanNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i = scanDigits(b, i); i < 0 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		if i = scanDigits(b, i+1); i < 0 {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return scanDigits(b, i)
	}
	return i
}

// scanDigits wants at least one.
func scanDigits(b []byte, i int) int {
	start := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
