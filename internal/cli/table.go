package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/fanout-operator/fanout/internal/stats"
)

func writeTable(out io.Writer, routes []stats.RouteReport, window string) error {
	p, w := paintFor(out), tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "ROUTE\tBACKEND\tSUCCESS\tRATE\tP50\tP95\tP99\tSUCCEEDED\t%s\t%s\tCANCELED\tSKIPPED\tREASONS\n", p.cell(plain, "FAILED"), p.cell(plain, "REJECTED"))
	for i := range routes {
		r := &routes[i]
		for j := range r.Backends {
			b := r.Backends[j].Windows.Of(window)
			rate, ok := b.Answers.SuccessRate()
			_, _ = fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%d\t%d\t%s\n",
				cellText(r.Namespace), cellText(r.Name), cellText(r.Backends[j].Name), stats.Percent(rate, ok),
				stats.PerSecond(b.Answers.Total(), b.Seconds),
				stats.Short(b.Duration.Quantile(0.50)), stats.Short(b.Duration.Quantile(0.95)), stats.Short(b.Duration.Quantile(0.99)),
				b.Answers.Succeeded, p.count(red, b.Answers.FailedTotal()), p.count(yellow, b.Answers.RejectedTotal()), b.Answers.Canceled, b.Answers.Skipped,
				cellText(reasons(&b.Answers, r.Backends[j].LastFailure)))
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write statistics: %w", err)
	}
	return nil
}

// reasons say why answers failed or were rejected, and how many of each, the most frequent
// first: status 29 (last 503), timeout 1, rateLimited 4.
func reasons(a *stats.Answers, last *stats.Failure) string {
	var list []string
	for _, reason := range byNumber(a.Failed) {
		text := fmt.Sprintf("%s %d", reason, a.Failed[reason])
		if last != nil && last.Reason == reason && last.Status != 0 {
			text += fmt.Sprintf(" (last %d)", last.Status)
		}
		list = append(list, text)
	}
	for _, reason := range byNumber(a.Rejected) {
		list = append(list, fmt.Sprintf("%s %d", reason, a.Rejected[reason]))
	}
	return strings.Join(list, ", ")
}

func byNumber(counts map[stats.Reason]uint64) []stats.Reason {
	return slices.SortedFunc(maps.Keys(counts), func(a, b stats.Reason) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}
