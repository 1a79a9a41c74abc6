package cli

import (
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/stats"
)

// tellError tells an error beside what a command prints.
func tellError(cmd *cobra.Command, err error) { cmd.PrintErrln("fanoutctl:", linesText(err.Error())) }

// cellText is what others have written as a cell of a table has it: on one line, since tabs and ends
// of lines are text/tabwriter's own.
func cellText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case stats.Controls(r):
			return -1
		}
		return r
	}, text)
	return strings.ToValidUTF8(text, "")
}

// linesText is what others have written, in the lines that it has.
func linesText(text string) string {
	text = strings.Map(func(r rune) rune {
		if stats.Controls(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
	return strings.ToValidUTF8(text, "")
}
