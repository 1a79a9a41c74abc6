package proxy_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// docs/operations/metrics.md lists the metrics of a proxy, no more and no less.
func TestDocumentedMetrics(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operations", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented, _, _ := strings.Cut(string(page), "## Of the operator")
	b := testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
			b.RateLimit = &routeconfig.RateLimit{Name: "one", Requests: 9, Per: testkit.Span(time.Second), Burst: 9, Shared: true, OnStoreFailure: routeconfig.StoreFailureAllow}
			b.Hedge = &routeconfig.Hedge{Delay: testkit.Span(time.Second), Max: 1, BudgetPercent: 10}
			b.CircuitBreaker = &routeconfig.CircuitBreaker{
				FailurePercent: 50, MinimumRequests: 2, Window: testkit.Span(time.Minute), OpenFor: testkit.Span(time.Hour), HalfOpenRequests: 1,
			}
		})), testkit.Shadow(testkit.Receiver("shadow", b.URL), "Outcome"), limitsOf(routeconfig.RateLimit{Name: "few", Requests: 9}), storedAt("127.0.0.1:1"), func(r *routeconfig.Route) {
		newIssuing(t).trust(r)
		r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: "true"}
	}))
	testkit.Eventually(t, "keys are fetched", func() bool { return strings.Contains(p.Ask("/metrics").Body, "fanout_issuer_keys_age_seconds{") })
	names := func(text string) []string {
		set := map[string]bool{}
		for _, name := range regexp.MustCompile(`\bfanout_[a-z_]+`).FindAllString(text, -1) {
			set[name] = true
		}
		return slices.Sorted(maps.Keys(set))
	}
	shown := regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllString(p.Ask("/metrics").Body, -1)
	if got, want := names(strings.Join(shown, "\n")), names(documented); len(got) < 15 || !slices.Equal(got, want) {
		t.Errorf("a proxy has\n%s\nthe page lists\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
}
