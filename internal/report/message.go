package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	// MaxNote is the longest text of an event, in bytes: the API server refuses more than
	// 1,024.
	MaxNote = 1000
	// maxMessage is the longest of a condition, in bytes. The CRD admits 32,768, and of a
	// status whose one message is longer nothing at all is written.
	maxMessage = 4096
	// maxLine is the longest of one fault, and maxValue what is shown of the value at fault.
	maxLine  = 512
	maxValue = 80
)

// Cut shortens a text to at most n bytes, and shows that it did; n is at least 3.
func Cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	const ellipsis = "…"
	n -= len(ellipsis)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + ellipsis
}

// joined is one message of several lines, the first of them in the order of their text
// as far as there is room, and the number of the others.
func joined(lines []string, separator string) string {
	lines = slices.Sorted(slices.Values(lines))
	lines = slices.Compact(lines)
	const room = maxMessage - 32 // for the number
	out := strings.Builder{}
	for i, line := range lines {
		line = Cut(line, maxLine)
		if out.Len()+len(separator)+len(line) > room {
			fmt.Fprintf(&out, "%sand %d more", separator, len(lines)-i)
			break
		}
		if i > 0 {
			out.WriteString(separator)
		}
		out.WriteString(line)
	}
	return out.String()
}

// fault is an error in words. Of a long value its beginning is shown: what is wrong with
// it comes after.
func fault(err *field.Error) string {
	if text, ok := err.BadValue.(string); ok && len(text) > maxValue {
		short := *err
		short.BadValue = Cut(text, maxValue)
		err = &short
	}
	return err.Error()
}

// within is a text of a status that holds n bytes, or nothing: a figure that is cut is
// another figure. What proxies say may be anything.
func within(text string, n int) string {
	if len(text) > n {
		return ""
	}
	return text
}
