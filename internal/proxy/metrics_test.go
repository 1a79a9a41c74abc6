package proxy_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// docs/operations/metrics.md lists the metrics of a proxy, no more and no less.
func TestDocumentedMetrics(t *testing.T) {
	t.Parallel()
	want, _ := testkit.DocumentedMetrics(t)
	p := everything(t, 1)
	set := map[string]bool{}
	for _, shown := range regexp.MustCompile(`(?m)^# TYPE (fanout_\S+)`).FindAllStringSubmatch(p.Ask("/metrics").Body, -1) {
		set[shown[1]] = true
	}
	if got := slices.Sorted(maps.Keys(set)); len(got) < 15 || !slices.Equal(got, want) {
		t.Errorf("a proxy has\n%s\nthe page lists\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

// Whoever scrapes the text form, or knows no native histograms, has latencies too.
func TestLatenciesHaveClassicBuckets(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, testkit.Respond(200, "application/json", "{}"))
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)))
	for name, row := range map[string]struct {
		bounds []time.Duration
		lines  []string
		n      int
	}{
		"default": {nil, []string{`le="0.001"} `, `le="50"} 1`, `le="+Inf"} 1`}, 16},
		"chosen":  {[]time.Duration{time.Nanosecond, time.Minute}, []string{`le="1e-09"} 0`, `le="60"} 1`, `le="+Inf"} 1`}, 3},
		"none":    {[]time.Duration{}, []string{`le="+Inf"} 1`}, 1},
	} {
		p := proxytest.Serve(t, proxy.Options{LatencyBuckets: row.bounds}, route)
		p.Do("GET", "orders", "/", "")
		text := p.Ask("/metrics").Body
		for _, series := range []string{
			`fanout_call_duration_seconds_bucket{namespace="shop",route="orders",`, `fanout_answer_duration_seconds_bucket{backend="one",namespace="shop",route="orders",`,
		} {
			if n := strings.Count(text, series); n != row.n {
				t.Errorf("%s: %d buckets of %s, want %d", name, n, series, row.n)
			}
			for _, line := range row.lines {
				if !strings.Contains(text, series+line) {
					t.Errorf("%s: no %s%s", name, series, line)
				}
			}
		}
	}
}
