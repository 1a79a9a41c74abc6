package combine

import (
	"encoding/base64"
	"strings"
)

// appendString appends valid UTF-8 as a JSON string.
func appendString(dst, s []byte) []byte {
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

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// appendField writes a field's value as a JSON string, though its bytes beyond
// ASCII have no meaning (RFC 9110, section 5.5).
func appendField(dst []byte, value string) []byte {
	return appendString(dst, []byte(strings.ToValidUTF8(value, "\uFFFD")))
}
