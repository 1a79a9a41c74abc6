package report_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Rules that would refuse calls stand in the status by name and rate, those that would
// refuse most where they are many; a rate that is near the one that is shown leaves it.
func TestReportedRules(t *testing.T) {
	t.Parallel()
	of := func(before []v1alpha1.ReportedRule, seen ...stats.RuleReport) []v1alpha1.ReportedRule {
		return report.Status(input(func(in *report.Input) {
			in.Route.Status.Reported, in.Seen.Sum.Reported = before, seen
		})).Reported
	}
	if got := of(nil); got != nil {
		t.Errorf("without any: %+v", got)
	}
	want := []v1alpha1.ReportedRule{{Rule: "jsonSchema", Rate: "0.5/s"}, {Rule: "positive", Rate: "12.3/s"}}
	if got := of(nil, stats.RuleReport{Rule: "positive", Seconds: 100, Count: 1234}, stats.RuleReport{Rule: "zero", Seconds: 100}, stats.RuleReport{Rule: "jsonSchema", Seconds: 100, Count: 50}); !cmp.Equal(want, got) {
		t.Errorf("got %+v", got)
	}
	if got := of(want, stats.RuleReport{Rule: "positive", Seconds: 100, Count: 1300}, stats.RuleReport{Rule: "jsonSchema", Seconds: 100, Count: 90}); got[0].Rate != "0.9/s" || got[1].Rate != "12.3/s" {
		t.Errorf("got %+v", got)
	}
	var many []stats.RuleReport
	for i := range 20 {
		many = append(many, stats.RuleReport{Rule: fmt.Sprintf("r%02d", i), Seconds: 1, Count: uint64(i + 1)})
	}
	if got := of(nil, many...); len(got) != 16 || got[0].Rule != "r04" || got[15].Rule != "r19" {
		t.Errorf("of many: %+v", got)
	}
}
