package rawjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Unquote returns the text of a valid string, given with its quotes. Almost none has
// an escape, and then nothing is allocated.
func Unquote(key []byte) []byte {
	inner := key[1 : len(key)-1]
	i := bytes.IndexByte(inner, '\\')
	if i < 0 {
		return inner
	}
	out := make([]byte, 0, len(inner))
	for i >= 0 {
		out = append(out, inner[:i]...)
		out, inner = appendUnescaped(out, inner[i:])
		i = bytes.IndexByte(inner, '\\')
	}
	return append(out, inner...)
}

// appendUnescaped appends what the escape at the beginning of b stands for, and
// returns what follows it.
func appendUnescaped(dst, b []byte) (out, rest []byte) {
	switch c := b[1]; c {
	case 'u':
		return appendUnit(dst, b)
	case 'b':
		return append(dst, '\b'), b[2:]
	case 'f':
		return append(dst, '\f'), b[2:]
	case 'n':
		return append(dst, '\n'), b[2:]
	case 'r':
		return append(dst, '\r'), b[2:]
	case 't':
		return append(dst, '\t'), b[2:]
	default:
		return append(dst, c), b[2:]
	}
}

// appendUnit decodes one or, of a surrogate pair, two escapes. A lone surrogate
// becomes the three bytes that UTF-8 would have for it if it were allowed, so that
// it equals itself and nothing else: U+FFFD would make all of them one key.
func appendUnit(dst, b []byte) (out, rest []byte) {
	r, b := hex4(b[2:6]), b[6:]
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), b
	}
	if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(b[2:6])); pair != utf8.RuneError {
			return utf8.AppendRune(dst, pair), b[6:]
		}
	}
	return append(dst, byte(0xE0|r>>12), byte(0x80|r>>6&0x3F), byte(0x80|r&0x3F)), b //nolint:gosec // 16 bits
}

func hex4(b []byte) rune {
	var r rune
	for _, c := range b {
		switch {
		case c <= '9':
			c -= '0'
		case c <= 'F':
			c -= 'A' - 10
		default:
			c -= 'a' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

// AppendString appends valid UTF-8 as a JSON string.
func AppendString[T []byte | string](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		next := i
		for next < len(s) && s[next] >= ' ' && s[next] != '"' && s[next] != '\\' {
			next++
		}
		dst = append(dst, s[i:next]...)
		if next < len(s) {
			dst = appendEscape(dst, s[next])
			next++
		}
		i = next
	}
	return append(dst, '"')
}

// StringLen is how many bytes AppendString appends.
func StringLen(s []byte) int {
	n := len(s) + 2
	for _, c := range s {
		switch {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
			n++
		case c < ' ':
			n += len(`\u0000`) - 1
		}
	}
	return n
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
