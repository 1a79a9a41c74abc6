package rawjson

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

const (
	// maxNumber is how many characters a number that is decoded has at most, and maxExponent
	// what its exponent is at most, either way: to compute exactly with 1e999999 takes memory
	// and time that no sender may ask for.
	maxNumber   = 1000
	maxExponent = 1000
	// What values take in memory, in bytes, their text apart: of an object, of a member of
	// one, and of any value.
	objectCost = 64
	memberCost = 96
	valueCost  = 48
	// takeAtOnce is how much memory is taken at a time.
	takeAtOnce = 16 << 10
)

// The shortest values are made once: a body of a mebibyte has hundreds of thousands of them,
// and the garbage collector looks at each in turn while calls wait. They cannot be changed.
var (
	noElements any = []any{}      //nolint:gochecknoglobals // the same for all texts
	digits         = makeDigits() //nolint:gochecknoglobals // as above
)

func makeDigits() (list [10]any) {
	for i := range list {
		list[i] = json.Number(strconv.Itoa(i))
	}
	return list
}

// Decoder makes values of Go of a text: nil, bool, string, json.Number, []any and
// map[string]any. Numbers keep their text. It is for one text.
type Decoder struct {
	// Depth bounds the nesting. Default: MaxDepth.
	Depth int
	// Take takes memory, in bytes; false where there is none. Default: no limit.
	Take func(n int64) bool
	// Values is the number of values that were decoded.
	Values int

	text  []byte
	whole string // the same, of which strings and numbers are parts
	owed  int64
	names aside[string]
	kept  aside[any]
	flaw  Flaw
	at    int
	path  []string // from the flaw upwards
}

// Decode decodes the one value of a text, or says what is wrong with it: flaw is nil for none.
func (d *Decoder) Decode(text []byte) (v any, flaw *DecodeError) {
	if d.Depth == 0 {
		d.Depth = MaxDepth
	}
	d.text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if !d.take(int64(len(d.text))) {
		return nil, &DecodeError{Flaw: d.flaw}
	}
	d.whole = string(d.text)
	v, end := d.value(SkipSpace(d.text, 0), 0)
	if rest := SkipSpace(d.text, max(end, 0)); end >= 0 && rest != len(d.text) {
		end = d.fail(FlawSyntax, rest)
	}
	if end < 0 {
		slices.Reverse(d.path)
		return nil, &DecodeError{Flaw: d.flaw, Path: d.path, Offset: len(text) - len(d.text) + d.at}
	}
	return v, nil
}

// fail is the end of a value that has a flaw.
func (d *Decoder) fail(flaw Flaw, at int) int {
	d.flaw, d.at = flaw, at
	return -1
}

// below is the end of a value within another, whose token there is kept where it has a flaw.
func (d *Decoder) below(token string, end int) int {
	if end < 0 {
		d.path = append(d.path, token)
	}
	return end
}

func (d *Decoder) take(n int64) bool {
	if d.Take == nil {
		return true
	}
	if d.owed += n; d.owed < takeAtOnce {
		return true
	}
	if !d.Take(d.owed) {
		d.flaw = FlawMemory
		return false
	}
	d.owed = 0
	return true
}

// value returns the value that begins at i inside of depth containers, and its end, or -1.
func (d *Decoder) value(i, depth int) (v any, end int) {
	d.Values++
	switch {
	case i >= len(d.text):
		return nil, d.fail(FlawSyntax, len(d.text))
	case !d.take(valueCost):
		return nil, -1
	}
	switch d.text[i] {
	case '{', '[':
		return d.container(i, depth)
	case '"':
		end = scanString(d.text, i)
		if end >= 0 {
			return d.string(i, end), end
		}
	case 't':
		v, end = true, scanWord(d.text, i, "true")
	case 'f':
		v, end = false, scanWord(d.text, i, "false")
	case 'n':
		v, end = nil, scanWord(d.text, i, "null")
	default:
		end = scanNumber(d.text, i)
		if end >= 0 && !computable(d.text[i:end]) {
			return nil, d.fail(FlawNumber, i)
		}
		if end == i+1 {
			v = digits[d.text[i]-'0']
		} else if end >= 0 {
			v = json.Number(d.whole[i:end])
		}
	}
	if end < 0 {
		return nil, d.fail(FlawSyntax, i)
	}
	return v, end
}

func (d *Decoder) container(i, depth int) (v any, end int) {
	switch {
	case depth >= d.Depth:
		return nil, d.fail(FlawDepth, i)
	case d.text[i] == '[':
		return d.array(i, depth)
	}
	return d.object(i, depth)
}

func (d *Decoder) string(i, end int) string {
	if bytes.IndexByte(d.text[i:end], '\\') < 0 {
		return d.whole[i+1 : end-1]
	}
	return string(Unquote(d.text[i:end]))
}

// array keeps its elements aside until their number is known.
func (d *Decoder) array(i, depth int) (v any, end int) {
	base, n := d.kept.len, 0
	i = SkipSpace(d.text, i+1)
	more := i >= len(d.text) || d.text[i] != ']'
	if !more {
		i++
	}
	for more {
		var element any
		if element, end = d.value(i, depth+1); end < 0 {
			return nil, d.below(strconv.Itoa(n), end)
		}
		n++
		d.kept.push(element)
		if i, more = separator(d.text, end, ']'); i < 0 {
			return nil, d.fail(FlawSyntax, SkipSpace(d.text, end))
		}
	}
	if n == 0 {
		return noElements, i
	}
	list := make([]any, n)
	d.kept.copy(list, base)
	d.kept.drop(base)
	return list, i
}

// object keeps its members aside until their number is known: a map that grows is filled
// several times.
func (d *Decoder) object(i, depth int) (v any, end int) {
	base, first, begin := d.kept.len, d.names.len, i
	i = SkipSpace(d.text, i+1)
	more := i >= len(d.text) || d.text[i] != '}'
	if !more {
		i++
	}
	for more {
		keyEnd, at := scanKey(d.text, i)
		if at < 0 {
			return nil, d.fail(FlawSyntax, i)
		}
		name := d.string(i, keyEnd)
		var member any
		if member, end = d.value(at, depth+1); end < 0 {
			return nil, d.below(name, end)
		}
		d.kept.push(member)
		d.names.push(name)
		if i, more = separator(d.text, end, '}'); i < 0 {
			return nil, d.fail(FlawSyntax, SkipSpace(d.text, end))
		}
	}
	members, ok := d.members(first, base, begin)
	if !ok {
		return nil, -1
	}
	return members, i
}

// members makes an object of what was kept aside.
func (d *Decoder) members(first, base, begin int) (map[string]any, bool) {
	n := d.names.len - first
	if !d.take(objectCost + memberCost*int64(n)) {
		return nil, false
	}
	members := make(map[string]any, n)
	for i := range n {
		name := d.names.from(first + i)
		if members[name] = d.kept.from(base + i); len(members) == i {
			d.below(name, d.fail(FlawTwice, begin))
			return nil, false
		}
	}
	d.names.drop(first)
	d.kept.drop(base)
	return members, true
}

// computable reports whether a number can be computed with exactly, at no great cost.
func computable(number []byte) bool {
	if len(number) > maxNumber {
		return false
	}
	e := bytes.IndexAny(number, "eE")
	if e < 0 {
		return true
	}
	exponent, err := strconv.Atoi(string(number[e+1:]))
	return err == nil && -maxExponent <= exponent && exponent <= maxExponent
}
