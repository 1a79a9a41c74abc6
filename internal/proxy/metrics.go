package proxy

import (
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fanout-operator/fanout/internal/stats"
)

// collector shows the statistics as metrics: they are counted once, in package
// stats, and read here when somebody asks.
type collector struct{ proxy *Proxy }

// Describe implements prometheus.Collector. It is unchecked: routes come and go.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	current := c.proxy.plan.Load()
	if current == nil {
		return
	}
	for _, id := range current.order {
		r := current.routes[id]
		m := metrics{out: out, labels: prometheus.Labels{"namespace": r.config.Namespace, "route": r.config.Name}}
		m.route(r)
		for i, b := range r.answers {
			m.backend(r.names[i], b)
		}
	}
}

// metrics writes those of one route.
type metrics struct {
	out    chan<- prometheus.Metric
	labels prometheus.Labels
}

func (m *metrics) route(r *route) {
	calls, duration := r.calls.Total()
	for outcome, n := range map[string]uint64{
		"complete": calls.Complete, "partial": calls.Partial, "failed": calls.Failed,
		"clientClosed": calls.ClientClosed, "refused": calls.Refused,
	} {
		m.counter("fanout_calls_total", "Calls by what became of them.", n, prometheus.Labels{"outcome": outcome})
	}
	m.gauge("fanout_calls_in_flight", "Calls under way, stragglers included.", float64(r.dispatcher.InFlight()))
	m.histogram("fanout_call_duration_seconds", "Time from a call's arrival to its response.", duration, nil)
}

func (m *metrics) backend(name string, b *stats.Backend) {
	answers, duration := b.Total()
	count := func(outcome, reason string, n uint64) {
		m.counter("fanout_answers_total", "Answers of backends by outcome and reason.", n,
			prometheus.Labels{"backend": name, "outcome": outcome, "reason": reason})
	}
	count("succeeded", "", answers.Succeeded)
	count("canceled", "", answers.Canceled)
	count("skipped", "", answers.Skipped)
	for reason, n := range answers.Failed {
		count("failed", reason, n)
	}
	for reason, n := range answers.Rejected {
		count("rejected", reason, n)
	}
	label := prometheus.Labels{"backend": name}
	m.counter("fanout_attempts_total", "HTTP exchanges with backends.", answers.Attempts, label)
	m.histogram("fanout_answer_duration_seconds", "Time to a succeeded or failed answer.", duration, label)
}

func (m *metrics) describe(name, help string, labels prometheus.Labels) *prometheus.Desc {
	all := maps.Clone(m.labels)
	maps.Copy(all, labels)
	return prometheus.NewDesc(name, help, nil, all)
}

func (m *metrics) counter(name, help string, n uint64, labels prometheus.Labels) {
	m.out <- prometheus.MustNewConstMetric(m.describe(name, help, labels), prometheus.CounterValue, float64(n))
}

func (m *metrics) gauge(name, help string, value float64) {
	m.out <- prometheus.MustNewConstMetric(m.describe(name, help, nil), prometheus.GaugeValue, value)
}

// histogram writes a native histogram, whose buckets are ours already.
func (m *metrics) histogram(name, help string, h stats.Histogram, labels prometheus.Labels) {
	positive := make(map[int]int64, len(h.Counts))
	for i, n := range h.Counts {
		positive[i] = int64(n) //nolint:gosec // a count of events
	}
	metric, err := prometheus.NewConstNativeHistogram(m.describe(name, help, labels),
		h.Total(), h.Seconds, positive, nil, 0, stats.Schema, 0, time.Time{})
	if err != nil {
		m.out <- prometheus.NewInvalidMetric(m.describe(name, help, labels), err)
		return
	}
	m.out <- metric
}
