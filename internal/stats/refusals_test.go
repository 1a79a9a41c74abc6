package stats

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Refusals are counted by reasons that there are, within the window and since the start, and
// those of several proxies add up.
func TestRefusalsByReason(t *testing.T) {
	t.Parallel()
	r := NewRefusals(start, []string{"rate-limited", "token-expired"})
	for _, reason := range []string{"rate-limited", "token-expired", "rate-limited", "boredom"} {
		r.Add(start, reason)
	}
	r.Add(start.Add(4*time.Minute), "token-expired")
	now := start.Add(5 * time.Minute)
	if got, want := r.Report(now), []RefusalReport{{"token-expired", 1}}; !slices.Equal(got, want) {
		t.Errorf("after five minutes %v, want %v", got, want)
	}
	if r.Total("rate-limited") != 2 || r.Total("token-expired") != 2 || r.Total("boredom") != 0 {
		t.Error("the totals are others")
	}
	merged := Merge([]RouteReport{{Refused: r.Report(start)}, {Refused: []RefusalReport{{"token-expired", 4}}}})
	if got, want := Frequent(merged.Refused), []RefusalReport{{"token-expired", 5}, {"rate-limited", 2}}; !slices.Equal(got, want) {
		t.Errorf("together %v, want %v", got, want)
	}
}

// L2: of a foreign report words are taken, each once, and no more than there can be.
func TestForeignRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	list := []RefusalReport{{"rate-limited", 1 << 63}, {"rate-limited", 3}, {"\x1b[2J", 1}, {"", 1}, {strings.Repeat("a", 41), 1}}
	for i := range 100 {
		list = append(list, RefusalReport{strings.Repeat("a", i%20+1) + strings.Repeat("b", i/20), 1})
	}
	got := boundedRefusals(list)
	if len(got) != maxRefusals || got[0] != (RefusalReport{"rate-limited", maxCount}) {
		t.Errorf("%d reasons, %v first", len(got), got[0])
	}
}
