package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// gathered are the series of some collectors, as they are written, and what they say.
func gathered(t *testing.T, from ...prometheus.Collector) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, family := range families(t, from...) {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			if labels := m.GetLabel(); len(labels) > 0 {
				var pairs []string
				for _, l := range labels {
					pairs = append(pairs, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
				}
				name += "{" + strings.Join(pairs, ",") + "}"
			}
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func families(t *testing.T, from ...prometheus.Collector) []*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewRegistry()
	for _, c := range from {
		if err := registry.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	list, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// An operator says how its routes are, what it wrote and what it asked, in names and numbers that
// Prometheus' own linter takes, and forgets a route that is gone.
func TestTheOperatorsMetrics(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	o := startOperator(t, namespace)
	good := newRoute(namespace, "good", "https://one.example.com/")
	bad := newRoute(namespace, "bad", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].When = "request.nothing" })
	create(t, good)
	create(t, bad)
	becomes(t, keyOf(good), v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonAcceptedUnauthenticated)
	becomes(t, keyOf(bad), v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonInvalid)
	of := func(name, condition string) string {
		return fmt.Sprintf(`fanout_route_condition{namespace=%q,route=%q,type=%q}`, namespace, name, condition)
	}
	testkit.Eventually(t, "all is said", func() bool {
		m := gathered(t, o.reconciler.Collector(), o.reconciler.Rates)
		return m[of("good", "Accepted")] == 1 && m[of("bad", "Accepted")] == 0 && m[of("bad", "Ready")] == 0 && m["fanout_operator_routes"] == 2 &&
			m[`fanout_operator_builds_total{result="accepted"}`] > 0 && m[`fanout_operator_builds_total{result="refused"}`] > 0 &&
			m[`fanout_operator_status_writes_total{tells="generation"}`]+m[`fanout_operator_status_writes_total{tells="worse"}`] >= 2
	})
	m := gathered(t, o.reconciler.Collector(), o.reconciler.Rates)
	for _, series := range []string{ // there with 0 before
		`fanout_operator_status_writes_deferred_total{tells="figures"}`, `fanout_operator_polls_total{result="unread"}`, `fanout_operator_proxies{state="unreachable"}`,
		"fanout_operator_routes_of_others", "fanout_operator_last_poll_timestamp_seconds", "fanout_operator_poll_duration_seconds",
	} {
		if n, ok := m[series]; !ok || n != 0 {
			t.Errorf("%s is %v, %v", series, n, ok)
		}
	}
	problems, err := promlint.NewWithMetricFamilies(families(t, o.reconciler.Collector(), o.reconciler.Rates)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint says %v, %v", problems, err)
	}
	if err := admin.Delete(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the route that is gone has no series", func() bool {
		m := gathered(t, o.reconciler.Collector())
		_, there := m[of("good", "Accepted")]
		return !there && m["fanout_operator_routes"] == 1
	})
}

// A route has a series a condition, and a poll none: docs/operations/metrics.md says so.
func TestSeriesOfTheOperator(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	o := startOperator(t, namespace)
	create(t, newRoute(namespace, "first", "https://one.example.com/"))
	count := func() (routes, others int) {
		for name := range gathered(t, o.reconciler.Collector(), o.reconciler.Rates) {
			if strings.HasPrefix(name, "fanout_route_condition{") {
				routes++
			} else {
				others++
			}
		}
		return routes, others
	}
	each, before := 0, 0
	testkit.Eventually(t, "the first route is known", func() bool { each, before = count(); return each > 0 })
	for i := range 4 {
		create(t, newRoute(namespace, fmt.Sprintf("more-%d", i), "https://one.example.com/"))
	}
	testkit.Eventually(t, "all routes are known", func() bool {
		routes, others := count()
		return routes == 5*each && others == before
	})
	if each > 8 {
		t.Errorf("a route has %d series", each)
	}
}

// Polls are counted by what came of them, and the last answer has a time.
func TestMetricsOfPolls(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	o := startOperator(t, namespace)
	b := testkit.NewBackend(t, nil)
	route := newRoute(namespace, "polled", b.URL)
	create(t, route)
	startPod(t, route)
	testkit.Eventually(t, "a proxy answers", func() bool {
		m := gathered(t, o.reconciler.Rates)
		age := float64(time.Now().Unix()) - m["fanout_operator_last_poll_timestamp_seconds"]
		return m[`fanout_operator_polls_total{result="answered"}`] > 0 && m[`fanout_operator_proxies{state="reached"}`] > 0 &&
			m["fanout_operator_poll_duration_seconds"] > 0 && age > -2 && age < 60
	})
	if names := slices.Sorted(func(yield func(string) bool) {
		for name := range gathered(t, o.reconciler.Rates) {
			if !yield(name) {
				return
			}
		}
	}); len(names) != 8 {
		t.Errorf("polls have the series %v", names)
	}
}
