package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/writes"
)

// figures count what passes did.
type figures struct {
	builds, written, deferred *prometheus.CounterVec
}

// What came of building a route's document.
const (
	buildAccepted = "accepted"
	buildRefused  = "refused"
)

func newFigures() *figures {
	f := &figures{
		builds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fanout_operator_builds_total", Help: "Documents that were built of routes, by whether the spec was accepted.",
		}, []string{"result"}),
		written: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fanout_operator_status_writes_total", Help: "Writes of statuses of routes by what they told.",
		}, []string{"tells"}),
		deferred: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fanout_operator_status_writes_deferred_total", Help: "Writes of statuses that their budget put off, by what they were to tell.",
		}, []string{"tells"}),
	}
	for _, result := range []string{buildAccepted, buildRefused} {
		f.builds.WithLabelValues(result)
	}
	for _, news := range writes.All() {
		f.written.WithLabelValues(news.String())
		f.deferred.WithLabelValues(news.String())
	}
	return f
}

// built counts what came of a spec.
func (f *figures) built(s *scope) {
	if len(s.errors) > 0 {
		f.builds.WithLabelValues(buildRefused).Inc()
		return
	}
	f.builds.WithLabelValues(buildAccepted).Inc()
}

// Collector shows what the operator knows of itself and of its routes. A route has as many series
// as it has conditions, eight at most: a status that a caller or a tenant could multiply by is no label.
func (r *RouteReconciler) Collector() prometheus.Collector {
	return &collector{r.metrics(), &r.memories}
}

// metrics are made at first use, so that a zero RouteReconciler counts too.
func (r *RouteReconciler) metrics() *figures {
	r.figuresOnce.Do(func() { r.figures = newFigures() })
	return r.figures
}

type collector struct {
	*figures

	memories *memories
}

// Describe implements prometheus.Collector. It is unchecked: routes come and go.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.builds.Collect(out)
	c.written.Collect(out)
	c.deferred.Collect(out)
	gauge := func(name, help string, value float64, labels prometheus.Labels) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue, value)
	}
	kept, others := 0, 0
	c.memories.each(func(key types.NamespacedName, of *memory) {
		if of.keptOff.Load() {
			others++
			return
		}
		kept++
		conditions := of.conditions.Load()
		if conditions == nil { // no pass has come so far
			return
		}
		for _, c := range *conditions {
			gauge("fanout_route_condition", "A condition of a route: 1 for True, 0 for False, -1 for Unknown.", degree(c.as),
				prometheus.Labels{"namespace": key.Namespace, "route": key.Name, "type": c.kind})
		}
	})
	gauge("fanout_operator_routes", "Routes that this operator minds.", float64(kept), nil)
	gauge("fanout_operator_routes_of_others", "Routes that are seen and left alone, since they belong to another operator.", float64(others), nil)
}

// degree is a condition's status as a number.
func degree(s metav1.ConditionStatus) float64 {
	switch s {
	case metav1.ConditionTrue:
		return 1
	case metav1.ConditionFalse:
		return 0
	case metav1.ConditionUnknown:
	}
	return -1
}
