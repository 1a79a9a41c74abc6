package combine

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// content is what a body is to a combined response.
type content struct {
	kind kind
	// json is the one value of the body, without space around it, where kind is
	// jsonValue.
	json []byte
}

type kind uint8

const (
	empty     kind = iota // adds nothing
	jsonValue             // spliced as it is
	text                  // a JSON string
	binary                // base64
	encoded               // Content-Encoding: not understood
)

// examine finds out what a body is. Only what calls itself JSON, or nothing, is
// taken for JSON.
func examine(a *fanout.Answer) content {
	if len(a.Body) == 0 {
		return content{kind: empty}
	}
	if isEncoded(a.Header) {
		return content{kind: encoded}
	}
	isJSON, foreign := mediaType(a.Header.Get("Content-Type"))
	if isJSON {
		if value, ok := parse(a.Body); ok {
			return content{kind: jsonValue, json: value}
		}
	}
	if !utf8.Valid(a.Body) || foreign && !ascii(a.Body) {
		return content{kind: binary}
	}
	return content{kind: text}
}

// byteOrderMark must not be sent in JSON but may be ignored (RFC 8259, section
// 8.1).
const byteOrderMark = "\xef\xbb\xbf"

// parse returns the one JSON value that a body is.
func parse(body []byte) ([]byte, bool) {
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	start := skipSpace(body, 0)
	end := scanValue(body, start, 0)
	if end < 0 || skipSpace(body, end) != len(body) || !utf8.Valid(body[start:end]) {
		return nil, false
	}
	return body[start:end], true
}

func isEncoded(h http.Header) bool {
	encoding := strings.TrimSpace(h.Get("Content-Encoding"))
	return encoding != "" && !strings.EqualFold(encoding, "identity")
}

// mediaType reports whether a type is JSON (RFC 6839, section 3.1) or absent, and
// whether it declares a charset in which the bytes are no UTF-8.
func mediaType(contentType string) (isJSON, foreign bool) {
	if contentType == "" || contentType == "application/json" {
		return true, false
	}
	t, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false, false
	}
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
	default:
		foreign = true
	}
	isJSON = t == "application/json" || t == "text/json" || strings.HasSuffix(t, "+json")
	return isJSON && !foreign, foreign
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
