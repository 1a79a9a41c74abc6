package combine

import (
	"encoding/base64"
	"strings"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// appendField writes a field's value as a JSON string, though its bytes beyond
// ASCII have no meaning (RFC 9110, section 5.5).
func appendField(dst []byte, value string) []byte {
	return rawjson.AppendString(dst, []byte(strings.ToValidUTF8(value, "\uFFFD")))
}
