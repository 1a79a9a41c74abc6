package report

import (
	"cmp"
	"slices"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// maxReported is how many rules a status lists.
const maxReported = 16

// reported are the rules that would refuse calls, in the order of their names: of more than
// fit those that would refuse most. A rate that is near the one that is shown leaves it.
func reported(in Input) []v1alpha1.ReportedRule {
	if holds(in) {
		return in.Route.Status.Reported
	}
	if in.Seen == nil {
		return nil
	}
	list := slices.DeleteFunc(slices.Clone(in.Seen.Sum.Reported), func(r stats.RuleReport) bool { return r.Count == 0 })
	slices.SortFunc(list, func(a, b stats.RuleReport) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule))
	})
	list = list[:min(len(list), maxReported)]
	slices.SortFunc(list, func(a, b stats.RuleReport) int { return cmp.Compare(a.Rule, b.Rule) })
	var out []v1alpha1.ReportedRule
	for i := range list {
		now := v1alpha1.ReportedRule{Rule: within(list[i].Rule, 64), Rate: within(stats.PerSecond(list[i].Count, list[i].Seconds), 32)}
		for _, before := range in.Route.Status.Reported {
			if before.Rule == now.Rule && near(parsed("", before.Rate, nil), parsed("", now.Rate, nil)) {
				now.Rate = before.Rate
			}
		}
		if now.Rule != "" {
			out = append(out, now)
		}
	}
	return out
}
