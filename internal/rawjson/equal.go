package rawjson

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Finding is what a comparison found.
type Finding uint8

// What a comparison may find.
const (
	Same Finding = iota
	Different
	// Unknown: it would take more than maxLooks times the size of both to know, or more
	// memory than there is.
	Unknown
)

// Memory is what a comparison takes what it makes from.
type Memory interface {
	// Take takes n bytes; false where there are not as many.
	Take(n int64) bool
	Give(n int64)
}

// maxLooks bounds a comparison: what is nested is looked at again with each of its
// levels.
const maxLooks = 16

// Difference finds the first place at which two valid values differ, as a JSON Pointer
// (RFC 6901). Objects have no order, of several members with one key the last counts,
// numbers are compared by value, and exactly. Places that ignored names are left out.
func Difference(a, b []byte, ignored *Places, memory Memory) (pointer string, found Finding) {
	c := comparison{ignored: ignored, memory: memory, left: maxLooks*(len(a)+len(b)) + 1<<16}
	same := c.same(a, b)
	switch {
	case c.left < 0:
		return "", Unknown
	case same:
		return "", Same
	}
	return c.pointer(), Different
}

// Places are JSON Pointers, in which a segment of * stands for any. The nil pointer is
// none.
type Places struct{ segments [][]string }

// NewPlaces reads pointers; ok is false where one is none.
func NewPlaces(pointers []string) (p *Places, ok bool) {
	p = &Places{}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, pointer := range pointers {
		if !strings.HasPrefix(pointer, "/") {
			return nil, false
		}
		segments := strings.Split(pointer[1:], "/")
		for i := range segments {
			segments[i] = unescape.Replace(segments[i])
		}
		p.segments = append(p.segments, segments)
	}
	return p, true
}

func (p *Places) has(path []string) bool {
	return p != nil && slices.ContainsFunc(p.segments, func(segments []string) bool {
		return slices.EqualFunc(segments, path, func(want, got string) bool { return want == "*" || want == got })
	})
}

// comparison is one under way; path leads to where it is, and stays where it found a
// difference.
type comparison struct {
	ignored *Places
	memory  Memory
	path    []string
	left    int // bytes that may still be looked at
}

func (c *comparison) pointer() string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, segment := range c.path {
		b.WriteByte('/')
		b.WriteString(escape.Replace(segment))
	}
	return b.String()
}

func (c *comparison) same(a, b []byte) bool {
	if c.left -= len(a) + len(b); c.left < 0 {
		return false
	}
	if c.ignored.has(c.path) {
		return true
	}
	switch kind := a[0]; {
	case bytes.Equal(a, b) && c.ignored == nil:
		return true
	case kind == '{' && b[0] == '{':
		return c.sameObjects(a, b)
	case kind == '[' && b[0] == '[':
		return c.sameArrays(a, b)
	case kind == '"' && b[0] == '"':
		return bytes.Equal(Unquote(a), Unquote(b))
	case isNumber(kind) && isNumber(b[0]):
		return parseDecimal(a) == parseDecimal(b)
	}
	return bytes.Equal(a, b)
}

func isNumber(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

func (c *comparison) at(segment string, a, b []byte) bool {
	c.path = append(c.path, segment)
	if a == nil || b == nil { // only one of them has it
		if !c.ignored.has(c.path) {
			return false
		}
	} else if !c.same(a, b) {
		return false
	}
	c.path = c.path[:len(c.path)-1]
	return true
}

func (c *comparison) sameObjects(a, b []byte) bool {
	taken := width(a) + width(b)
	if !c.memory.Take(taken) {
		c.left = -1
		return false
	}
	same := c.sameMembers(a, b)
	c.memory.Give(taken)
	return same
}

// width is what the map and the list of an object's members take: of each its key, and
// some 160 bytes.
func width(object []byte) (n int64) {
	for key := range Members(object) {
		n += int64(len(key)) + 160
	}
	return n
}

func (c *comparison) sameMembers(a, b []byte) bool {
	left, keys := members(a)
	right, more := members(b)
	for _, key := range keys {
		if !c.at(key, left[key], right[key]) {
			return false
		}
	}
	for _, key := range more {
		if left[key] == nil && !c.at(key, nil, right[key]) {
			return false
		}
	}
	return true
}

// members are those of an object, and its keys in their order.
func members(object []byte) (values map[string][]byte, keys []string) {
	values = map[string][]byte{}
	for quoted, value := range Members(object) {
		key := string(Unquote(quoted))
		if values[key] == nil {
			keys = append(keys, key)
		}
		values[key] = value
	}
	return values, keys
}

func (c *comparison) sameArrays(a, b []byte) bool {
	left, right := newElements(a), newElements(b)
	for i := 0; ; i++ {
		x, y := left.next(), right.next()
		if x == nil && y == nil {
			return true
		}
		if !c.at(strconv.Itoa(i), x, y) {
			return false
		}
	}
}

// decimal is a number in the one form in which equal numbers are the same: 0.digits
// times ten to the power, without zeros at either end.
type decimal struct {
	negative bool
	digits   string
	power    string // of a number whose exponent has thousands of digits, its text
}

func parseDecimal(number []byte) decimal {
	text := string(number)
	d := decimal{negative: text[0] == '-'}
	text = strings.TrimPrefix(text, "-")
	mantissa, exponent := text, "0"
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], strings.TrimPrefix(text[i+1:], "+")
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return decimal{} // zero has no sign and no power
	}
	power, err := strconv.ParseInt(exponent, 10, 32)
	if err != nil {
		d.digits, d.power = mantissa, "e"+exponent
		return d
	}
	shifted := int64(len(whole)) - int64(len(whole+fraction)-len(digits)) + power
	d.digits, d.power = strings.TrimRight(digits, "0"), strconv.FormatInt(shifted, 10)
	return d
}
