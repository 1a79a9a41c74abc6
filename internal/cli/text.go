package cli

import (
	"strings"
	"unicode"
)

// controls reports whether a character does something to a terminal, or to the direction of writing.
func controls(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// cellText is what others have written as a cell of a table has it: on one line, since tabs and ends
// of lines are text/tabwriter's own.
func cellText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case controls(r):
			return -1
		}
		return r
	}, text)
	return strings.ToValidUTF8(text, "")
}

// linesText is what others have written, in the lines that it has.
func linesText(text string) string {
	text = strings.Map(func(r rune) rune {
		if controls(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
	return strings.ToValidUTF8(text, "")
}
