package stats

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A tally counts exactly for ever, and within a window that slides.
func TestTallies(t *testing.T) {
	t.Parallel()
	start := time.Now()
	tally := NewTally(start)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				tally.Add(start.Add(time.Second))
			}
		})
	}
	all.Wait()
	for _, row := range []struct {
		at    time.Duration
		count uint64
		least float64
	}{{time.Second, 8000, 1}, {100 * time.Second, 8000, 100}, {4*time.Minute + 50*time.Second, 8000, 275}, {5 * time.Minute, 0, 275}, {time.Hour, 0, 275}} {
		got := tally.Report(start.Add(row.at), "r")
		if got.Rule != "r" || got.Count != row.count || got.Seconds < row.least || got.Seconds > 300 {
			t.Errorf("after %s: %+v", row.at, got)
		}
	}
	tally.Add(start.Add(time.Hour))
	tally.Add(start.Add(time.Hour - 20*time.Minute)) // a late writer
	if got := tally.Report(start.Add(time.Hour), "r"); got.Count < 1 || tally.Total() != 8002 {
		t.Errorf("%+v of %d", got, tally.Total())
	}
}

// Rules of several proxies add up; what a foreign report says of rules is bounded.
func TestReportedRulesAddUp(t *testing.T) {
	t.Parallel()
	sum := Merge([]RouteReport{
		{Reported: []RuleReport{{"a", 10, 1}, {"b", 10, 2}}}, {Reported: []RuleReport{{"b", 300, 5}, {"c", 1, 1}}},
	})
	if want := []RuleReport{{"a", 10, 1}, {"b", 300, 7}, {"c", 1, 1}}; !cmp.Equal(want, sum.Reported) {
		t.Errorf("the sum is %+v", sum.Reported)
	}
	var many []RuleReport
	for i := range 100 {
		many = append(many, RuleReport{Rule: string(rune('A'+i%26)) + string(rune('a'+i/26)), Seconds: 1, Count: 1})
	}
	if sum := Merge([]RouteReport{{Reported: many}}); len(sum.Reported) != maxReported {
		t.Errorf("%d rules are added up", len(sum.Reported))
	}
	told := RouteBounds{Rules: map[string]bool{"jsonSchema": true, "a": true}}
	got := told.reported([]RuleReport{{"jsonSchema", 1e9, 1 << 60}, {"a", -1, 1}, {"a", 1, 1}, {"other", 1, 1}})
	if want := []RuleReport{{"jsonSchema", 300, maxCount}, {"a", 1, 1}}; !cmp.Equal(want, got) {
		t.Errorf("of a route's rules: %+v", got)
	}
	if got := (&RouteBounds{}).reported(append([]RuleReport{{"", 1, 1}, {"a b", 1, 1}}, many...)); len(got) != maxReported || got[0].Rule != "Aa" {
		t.Errorf("of unknown rules: %d, %+v", len(got), got[0])
	}
}
