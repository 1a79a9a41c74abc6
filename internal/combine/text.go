package combine

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// largeRoom is from where on clearing takes longer than a small call, in bytes.
const largeRoom = 64 << 10

// grow makes room for n bytes more. Where these are many, slices.Grow would clear them all
// at once, for tens of milliseconds in which nobody else goes on.
func grow(dst []byte, n int) []byte {
	if n < largeRoom || cap(dst)-len(dst) >= n {
		return slices.Grow(dst, n)
	}
	return append(make([]byte, 0, len(dst)+n), dst...)
}

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// sizeOfField is how many bytes appendField and a separator take at the most: every byte
// may become six.
func sizeOfField(value string) int { return 6*len(value) + 4 }

// appendField writes a field's value as a JSON string, though its bytes beyond
// ASCII have no meaning (RFC 9110, section 5.5).
func appendField(dst []byte, value string) []byte {
	return rawjson.AppendString(dst, []byte(strings.ToValidUTF8(value, "\uFFFD")))
}
