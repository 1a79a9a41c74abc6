package openapi

import (
	"strings"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// reading is the value that a text may stand for: with its numbers and words read as such,
// and, where that differs, with all of it left a text. Where the schema names no type, it has
// to admit both: one that says nothing of numbers must not let a number pass that it refuses
// as a text.
type reading struct {
	values []any
	open   bool
}

// readings are those of each type that the schema names. There are none where the text is
// not written in the style of the parameter.
func (p *parameter) readings(s *sent) (list []reading) {
	w := p.writing
	shapes := []func(*sent) (any, bool){}
	if w.own&kindArray != 0 {
		shapes = append(shapes, p.array)
	}
	if w.own&kindObject != 0 {
		shapes = append(shapes, p.object)
	}
	if w.own&^(kindArray|kindObject) != 0 || w.own == 0 {
		shapes = append(shapes, p.scalar)
	}
	for _, shape := range shapes {
		value, ok := shape(s)
		if !ok {
			continue
		}
		typed, differs, open := w.read(value, asTyped)
		r := reading{[]any{typed}, open}
		if differs {
			text, _, _ := w.read(value, asText)
			r.values = append(r.values, text)
		}
		list = append(list, r)
	}
	return list
}

// asTyped and asText are how texts are read that may be of several types.
const (
	asTyped = iota
	asText
)

// read makes values of texts. It tells whether another way to read them differs, and
// whether a type is left open.
func (w *writing) read(value any, how int) (out any, differs, open bool) {
	switch v := value.(type) {
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			var d, o bool
			list[i], d, o = leaf(item, w.items, how)
			differs, open = differs || d, open || o
		}
		return list, differs, open
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, item := range v {
			of, described := w.properties[name]
			if !described {
				of = w.rest
			}
			var d, o bool
			members[name], d, o = leaf(item, of, how)
			differs, open = differs || d, open || o
		}
		return members, differs, open
	}
	return leaf(value, w.own, how)
}

// leaf is the value that a text stands for.
func leaf(value any, of kinds, how int) (out any, differs, open bool) {
	text, _ := value.(string)
	open = of == 0
	textual := open || of&kindString != 0
	if how == asText && textual {
		return text, false, open
	}
	if open || of&kindNumber != 0 {
		if number, ok := numberOf(text); ok {
			return number, textual, open
		}
	}
	if (open || of&kindBoolean != 0) && (text == "true" || text == "false") {
		return text == "true", textual, open
	}
	return text, false, open
}

// numberOf is the number that a text is, as JSON has it.
func numberOf(text string) (any, bool) {
	if text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return nil, false
	}
	number, flaw := (&rawjson.Decoder{}).Decode([]byte(text))
	return number, flaw == nil
}
