package combine

import (
	"strings"
	"unicode/utf8"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

// content is what a body is to a combined response.
type content struct {
	kind kind
	// json is the one value of the body, without space around it, and tape its
	// members if they were asked for, where kind is jsonValue.
	json []byte
	tape []rawjson.Member
}

// judged is what Check keeps of an answer, with what it was made in.
type judged struct {
	content

	room room
}

// checked is what Check has found out about an answer; nothing where it has not looked.
func checked(a *fanout.Answer) content {
	if j, ok := a.Checked.(*judged); ok {
		return j.content
	}
	return content{}
}

type kind uint8

const (
	empty     kind = iota // adds nothing
	jsonValue             // spliced as it is
	text                  // a JSON string
	octets                // base64
	encoded               // Content-Encoding: not understood
	tooDeep               // JSON that no receiver should have to recurse into
)

// examine finds out what a body is. Only what calls itself JSON, or nothing, is
// taken for JSON, and only that is scanned.
func examine(a *fanout.Answer, s rawjson.Scanner) content {
	if len(a.Body) == 0 {
		return content{kind: empty}
	}
	if isEncoded(a.Header["Content-Encoding"]) {
		return content{kind: encoded}
	}
	isJSON, foreign := mediaType(a.Header.Get("Content-Type"))
	if isJSON {
		if c := parse(a.Body, s); c.kind != text {
			return c
		}
	}
	if !utf8.Valid(a.Body) || foreign && !plain(a.Body) {
		return content{kind: octets}
	}
	return content{kind: text}
}

// parse returns the one JSON value that a body is, or kind text if it is none.
func parse(body []byte, s rawjson.Scanner) content {
	value, ok := s.Scan(body)
	switch {
	case s.TooDeep:
		return content{kind: tooDeep}
	case !ok:
		return content{kind: text}
	}
	return content{kind: jsonValue, json: value, tape: s.Tape}
}

func isEncoded(encodings []string) bool {
	for _, line := range encodings {
		for e := range strings.SplitSeq(line, ",") {
			if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
				return true
			}
		}
	}
	return false
}

// mediaType reports whether a type is JSON (RFC 6839, section 3.1) or absent, and
// whether it declares a charset in which the bytes are no UTF-8. JSON has no
// charset, whatever is declared (RFC 8259, section 11).
func mediaType(contentType string) (isJSON, foreign bool) {
	t, parameters, _ := strings.Cut(contentType, ";")
	t = strings.TrimSpace(t)
	for parameters != "" {
		var parameter string
		parameter, parameters, _ = strings.Cut(parameters, ";")
		name, charset, _ := strings.Cut(parameter, "=")
		if strings.EqualFold(strings.TrimSpace(name), "charset") {
			foreign = !isUTF8(strings.Trim(charset, " \t\""))
		}
	}
	isJSON = t == "" || strings.EqualFold(t, "application/json") || strings.EqualFold(t, "text/json") ||
		len(t) > 5 && strings.EqualFold(t[len(t)-5:], "+json")
	return isJSON, foreign
}

func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") ||
		strings.EqualFold(charset, "us-ascii")
}

// plain reports whether bytes mean the same in every charset that a backend may
// declare: no bytes beyond ASCII, none of UTF-16, none that ISO 2022 switches with.
func plain(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}
