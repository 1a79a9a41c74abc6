package cli

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/survey"
)

// paint colours cells that a terminal shows, and leaves all others as they are. Whatever a
// colour says, the word in it says too.
type paint struct{ coloured bool }

// paintFor is that of an output: of a terminal whose user wants colours. By
// https://no-color.org any value of NO_COLOR but an empty one means that he does not.
func paintFor(out io.Writer) paint {
	return paint{isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// isTerminal reports whether what is written is looked at as it comes.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// shade is the parameter of a terminal's sequence that sets a colour.
type shade string

const (
	plain  shade = "39" // what the terminal has
	green  shade = "32"
	yellow shade = "33"
	red    shade = "31"
)

// cell is a text in a colour. text/tabwriter counts what cannot be seen, so all cells of a
// column go through it, its head too, and each is as much longer.
func (p paint) cell(as shade, text string) string {
	text = cellText(text)
	if !p.coloured {
		return text
	}
	return "\x1b[" + string(as) + "m" + text + "\x1b[" + string(plain) + "m"
}

// count is a number that is 0 where all is well.
func (p paint) count(as shade, n uint64) string {
	if n == 0 {
		as = plain
	}
	return p.cell(as, strconv.FormatUint(n, 10))
}

func shadeOfCondition(c *metav1.Condition) shade {
	switch {
	case !survey.IsBad(c) && c.Status == metav1.ConditionUnknown:
		return plain
	case !survey.IsBad(c):
		return green
	case c.Status == metav1.ConditionUnknown || c.Type == v1alpha1.ConditionReconciling:
		return yellow
	}
	return red
}

// shadeOfRow is that of a route's readiness: one that is ready may have a fault all the same.
func shadeOfRow(r *survey.Row) shade {
	switch {
	case r.Ready == string(metav1.ConditionFalse):
		return red
	case r.Ready == string(metav1.ConditionTrue) && r.Message == "" && r.Stale == "":
		return green
	}
	return yellow
}

func shadeOfState(s v1alpha1.BackendState) shade {
	switch s {
	case v1alpha1.BackendHealthy:
		return green
	case v1alpha1.BackendDegraded, v1alpha1.BackendSlow:
		return yellow
	case v1alpha1.BackendFailing, v1alpha1.BackendOpen, v1alpha1.BackendMissingCredential:
		return red
	case v1alpha1.BackendIdle:
	}
	return plain
}

// shadeOf is that of an outcome, of a mark of check, or of what a Pod or an event is.
func shadeOf(word string) shade {
	switch word {
	case "succeeded", "complete", string(okMark), "Ready":
		return green
	case "rejected", "partial", string(warnMark), "Warning":
		return yellow
	case "failed", string(failMark):
		return red
	}
	return plain
}
