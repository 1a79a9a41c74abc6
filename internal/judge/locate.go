package judge

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// CompileError says what is wrong with the text of a schema, and where: by line and
// column, in characters, from 1.
type CompileError struct {
	Line, Column int
	Text         string
}

// Error implements error.
func (e *CompileError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

// at is the error about what stands at an offset.
func at(text string, offset int, what string) *CompileError {
	before := text[:offset]
	line := strings.LastIndexByte(before, '\n') + 1
	return &CompileError{Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[line:]) + 1, Text: what}
}

// undecoded is why a text is not decoded.
func undecoded(text string, flaw *rawjson.DecodeError) *CompileError {
	return at(text, flaw.Offset, flaw.Error())
}

// located is why a document is no schema.
func located(text string, err error) *CompileError {
	if where, what, ok := unfit(err); ok {
		return at(text, find(text, where), fmt.Sprintf("%q is no schema: %s", rawjson.Pointer(where), what))
	}
	if where, what, ok := unread(err); ok {
		return at(text, find(text, where), what)
	}
	if e, ok := errors.AsType[*jsonschema.DuplicateIDError](err); ok {
		return at(text, find(text, Tokens(e.Ptr1)), fmt.Sprintf("the id %q stands twice", e.ID))
	}
	if e, ok := errors.AsType[*jsonschema.DuplicateAnchorError](err); ok {
		return at(text, find(text, Tokens(e.Ptr1)), fmt.Sprintf("the anchor %q stands twice", e.Anchor))
	}
	if where, target := unresolved(err); target != "" {
		offset := naming(text, target)
		if strings.HasPrefix(text[offset:], `"$schema"`) {
			where = unknownDraft
		}
		return at(text, offset, fmt.Sprintf("%s: %s", strings.TrimPrefix(target, base), where))
	}
	return at(text, 0, strings.ReplaceAll(err.Error(), base, ""))
}

// unknownDraft says what $schema may be.
const unknownDraft = "it is no draft that is known here: $schema is http://json-schema.org/draft-04/schema#, draft-06 or draft-07 in its place, " +
	"https://json-schema.org/draft/2019-09/schema or https://json-schema.org/draft/2020-12/schema"

// unresolved is why something that a schema refers to cannot be had, and what that is.
func unresolved(err error) (why, target string) {
	if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return errNotHere.Error(), e.URL
	}
	if e, ok := errors.AsType[*jsonschema.JSONPointerNotFoundError](err); ok {
		return "there is no such place in the schema", e.URL
	}
	if e, ok := errors.AsType[*jsonschema.AnchorNotFoundError](err); ok {
		return "there is no such anchor in the schema", e.Reference
	}
	if e, ok := errors.AsType[*jsonschema.UnsupportedDraftError](err); ok {
		return unknownDraft, e.URL
	}
	if e, ok := errors.AsType[*jsonschema.UnsupportedVocabularyError](err); ok {
		return "it is no vocabulary that is known here", e.Vocabulary
	}
	return "", ""
}

// unread is a pattern that is none, and where it stands.
func unread(err error) (where []string, what string, ok bool) {
	e, ok := errors.AsType[*jsonschema.InvalidRegexError](err)
	if !ok {
		return nil, "", false
	}
	return fragment(e.URL), fmt.Sprintf("%q is no pattern (RE2): %v", e.Regex, e.Err), true
}

// unfit is the innermost of what the metaschema has against a document, and where that is.
func unfit(err error) (where []string, what string, ok bool) {
	e, ok := errors.AsType[*jsonschema.SchemaValidationError](err)
	if !ok {
		return nil, "", false
	}
	inner, ok := errors.AsType[*jsonschema.ValidationError](e.Err)
	if !ok {
		return nil, e.Error(), true
	}
	for len(inner.Causes) > 0 {
		if _, names := inner.ErrorKind.(*kind.PropertyNames); names {
			break
		}
		inner = inner.Causes[0]
	}
	printer := message.NewPrinter(language.English)
	return append(fragment(e.URL), inner.InstanceLocation...), inner.ErrorKind.LocalizedString(printer), true
}

// fragment are the tokens of the pointer in a URL's fragment.
func fragment(raw string) []string {
	_, pointer, _ := strings.Cut(raw, "#")
	if plain, err := url.PathUnescape(pointer); err == nil {
		pointer = plain
	}
	return Tokens(pointer)
}

// Tokens are those of a JSON Pointer (RFC 6901); none where it does not begin with a slash.
func Tokens(pointer string) (list []string) {
	if !strings.HasPrefix(pointer, "/") {
		return nil
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		list = append(list, strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~"))
	}
	return list
}

// find returns where the value at a path begins, or the last one on the way to it. The
// text is JSON.
func find(text string, path []string) int {
	value := root(text)
	for _, token := range path {
		next := child(value, token)
		if next == nil {
			break
		}
		value = next
	}
	return len(text) - cap(value) // all are parts of the one text, up to its end
}

// root is the text from its value on.
func root(text string) []byte {
	return slices.Clip([]byte(text))[offset(text):]
}

// offset is where the value of a text begins.
func offset(text string) int {
	mark := len(text) - len(strings.TrimPrefix(text, "\ufeff"))
	return rawjson.SkipSpace([]byte(text), mark)
}

func child(value []byte, token string) []byte {
	if len(value) == 0 {
		return nil
	}
	switch value[0] {
	case '{':
		for key, member := range rawjson.Members(value) {
			if string(rawjson.Unquote(key)) == token {
				return member
			}
		}
	case '[':
		i := 0
		for element := range rawjson.Elements(value) {
			if strconv.Itoa(i) == token {
				return element
			}
			i++
		}
	}
	return nil
}

// naming returns where a text names what it refers to: the member $ref, or the like, whose
// value ends what it is resolved to.
func naming(text, target string) int {
	raw := []byte(text)
	if plain, err := url.PathUnescape(target); err == nil {
		target = plain
	}
	for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef", "$schema", "$vocabulary"} {
		quoted := []byte(strconv.Quote(keyword))
		for from := 0; ; {
			found := bytes.Index(raw[from:], quoted)
			if found < 0 {
				break
			}
			from += found + len(quoted)
			if leads(reference(text[from:]), target) {
				return from - len(quoted)
			}
		}
	}
	return offset(text)
}

// leads reports whether a reference may have been resolved to a target.
func leads(reference, target string) bool {
	document, _, _ := strings.Cut(reference, "#")
	return reference != "" && (strings.HasSuffix(target, reference) || strings.HasPrefix(reference, target)) ||
		document != "" && strings.HasSuffix(target, document)
}

// reference is the string behind a key; empty for none.
func reference(rest string) string {
	rest = strings.TrimLeft(rest, " \t\r\n")
	rest, ok := strings.CutPrefix(rest, ":")
	rest = strings.TrimLeft(rest, " \t\r\n")
	if !ok || !strings.HasPrefix(rest, `"`) {
		return ""
	}
	value, _, _ := strings.Cut(rest[1:], `"`)
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}
