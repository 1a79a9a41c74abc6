package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/process"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// docs/operations/metrics.md lists the operator's own metrics, no more and no less, and the Go
// runtime's are those that everybody has.
func TestDocumentedMetrics(t *testing.T) {
	t.Parallel()
	_, want := testkit.DocumentedMetrics(t)
	fence := process.NewFence(time.Now())
	if err := register((&controllers.RouteReconciler{}).Collector(), rates.New(nil, time.Second, nil), fence.Collector(make(chan struct{}))); err != nil {
		t.Fatal(err)
	}
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{"fanout_route_condition": true} // where there is a route
	for _, family := range families {
		switch name := family.GetName(); {
		case strings.HasPrefix(name, "fanout_"):
			shown[name] = true
			if problems, err := promlint.NewWithMetricFamilies([]*dto.MetricFamily{family}).Lint(); err != nil || len(problems) > 0 {
				t.Errorf("promlint says of %s: %v %v", name, problems, err)
			}
		case strings.HasPrefix(name, "go_godebug_"):
			t.Errorf("there is %s", name)
		}
	}
	if got := slices.Sorted(maps.Keys(shown)); !slices.Equal(got, want) {
		t.Errorf("the operator has\n%v\nthe page lists\n%v", got, want)
	}
	if !slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "go_goroutines" }) {
		t.Error("the Go runtime has no metrics")
	}
}
