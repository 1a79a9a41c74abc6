package rawjson

import (
	"strconv"
	"strings"
)

// Flaw is why a text is not decoded.
type Flaw uint8

// The flaws of a text. A name that appears twice in an object has two values, and
// receivers differ in which of them counts.
const (
	FlawSyntax Flaw = iota + 1
	FlawDepth
	FlawTwice
	FlawNumber
	FlawMemory
)

// DecodeError says what is wrong with a text, and at which of its values: the tokens of a
// JSON Pointer (RFC 6901), and where in the text that begins. Those of a text that is no
// JSON say how far it was one.
type DecodeError struct {
	Flaw   Flaw
	Path   []string
	Offset int
}

// Error implements error.
func (e *DecodeError) Error() string {
	at := ""
	if len(e.Path) > 0 {
		at = " at " + strconv.Quote(Pointer(e.Path))
	}
	switch e.Flaw {
	case FlawDepth:
		return "it is nested too deep" + at
	case FlawTwice:
		return "a name appears twice" + at
	case FlawNumber:
		return "a number has more than " + strconv.Itoa(maxNumber) + " characters, or an exponent beyond " + strconv.Itoa(maxExponent) + at
	case FlawMemory:
		return "there is no memory for it"
	default:
		return "it is no JSON" + at
	}
}

// Pointer is a JSON Pointer.
func Pointer(path []string) string {
	var b strings.Builder
	for _, token := range path {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1"))
	}
	return b.String()
}
