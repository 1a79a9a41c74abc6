package testkit

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// DocumentedMetrics are the names on docs/operations/metrics.md, sorted: those of a proxy, and
// those of the operator.
func DocumentedMetrics(t testing.TB) (proxy, operator []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(Root(), "docs", "operations", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	of, rest, _ := strings.Cut(string(page), "## Of the operator")
	return metricNames(of), metricNames(rest)
}

func metricNames(text string) []string {
	set := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bfanout_[a-z_]+`).FindAllString(text, -1) {
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}
