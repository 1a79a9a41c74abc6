package proxy

import (
	"fmt"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/fanout-operator/fanout/internal/backend"
	"github.com/fanout-operator/fanout/internal/build"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
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
	process := metrics{out: out}
	process.build(c.proxy.build)
	process.loads(&c.proxy.loads, current)
	c.process(&process)
	if current == nil {
		return
	}
	bounds := c.proxy.options.LatencyBuckets
	if bounds == nil {
		bounds = stats.DefaultBuckets()
	}
	now := time.Now()
	for _, id := range current.order {
		r := current.routes[id]
		m := metrics{out: out, bounds: bounds, labels: prometheus.Labels{"namespace": r.config.Namespace, "route": r.config.Name}}
		m.route(r)
		m.issuers(r)
		m.rules(r)
		m.credentials(r, now)
		m.spans(r)
		for _, b := range r.backends {
			m.answers(b.name, b.answers)
			m.backend(b.name, b.Backend)
		}
		for _, s := range r.shadows {
			m.answers(s.name, s.answers)
			m.backend(s.name, s.Backend)
			m.comparisons(s)
		}
	}
}

// process writes what all routes have together.
func (c *collector) process(m *metrics) {
	m.gauge("fanout_body_memory_bytes", "Memory taken by bodies.", float64(c.proxy.memory.Used()), nil)
	m.gauge("fanout_client_connections", "Connections of clients.", float64(c.proxy.clients.now()), nil)
	m.gauge("fanout_client_connections_limit", "Connections that clients may have.", float64(c.proxy.clients.max), nil)
	m.counter("fanout_client_connections_refused_total", "Connections, and calls of trusted peers, for which there was no room.", c.proxy.clients.refusals.Load(), nil)
	m.counter("fanout_client_connections_closed_total", "Connections that made room for others before they had a call.", c.proxy.clients.closed.Load(), nil)
	m.gauge("fanout_body_memory_limit_bytes", "Memory that bodies may take.", float64(c.proxy.memory.Limit), nil)
}

// build writes what the program was built from.
func (m *metrics) build(b build.Info) {
	m.gauge("fanout_build_info", "1 for what a program of ours was built from.", 1,
		prometheus.Labels{"component": "proxy", "version": b.Version, "commit": b.Commit, "go_version": b.Go})
}

// metrics writes those of one route.
type metrics struct {
	out    chan<- prometheus.Metric
	labels prometheus.Labels
	bounds []time.Duration // of classic buckets
}

func (m *metrics) route(r *route) {
	calls, duration := r.calls.Total()
	for outcome, n := range map[string]uint64{
		fanout.Complete.String(): calls.Complete, fanout.Partial.String(): calls.Partial, fanout.Unmet.String(): calls.Failed,
		fanout.ClientClosed.String(): calls.ClientClosed, neverDispatched: calls.Refused,
	} {
		m.counter("fanout_calls_total", "Calls by what became of them.", n, prometheus.Labels{"outcome": outcome})
	}
	m.gauge("fanout_route_info", "1 for the hash of a route's part of the document.", 1, prometheus.Labels{"part": r.part})
	m.gauge("fanout_calls_in_flight", "Calls under way, stragglers included.", float64(r.dispatcher.InFlight()), nil)
	m.refused(r)
	m.limits(r)
	m.store(r)
	m.histogram("fanout_call_duration_seconds", "Time from a call's arrival to its response.", duration, nil)
}

// neverDispatched is the outcome of calls that were refused on the way in.
const neverDispatched = "refused"

// backend writes what belongs to a backend as it is configured: its counters begin
// anew with it.
func (m *metrics) backend(name string, b *backend.Backend) {
	label := prometheus.Labels{"backend": name}
	if circuit := b.Circuit(time.Now()); circuit != stats.NoCircuit {
		for _, state := range stats.Circuits()[1:] {
			m.gauge("fanout_circuit_state", "1 for the state that the circuit breaker is in.", boolean(circuit == state),
				prometheus.Labels{"backend": name, "state": string(state)})
		}
	}
	if n, most, ok := b.Queued(); ok {
		m.gauge("fanout_queued_requests", "Calls that wait for a slot of a backend.", float64(n), label)
		m.gauge("fanout_queued_requests_limit", "Calls that may wait for a slot of a backend.", float64(most), label)
	}
	m.token(name, b)
	if sent, won, wasted, ok := b.Hedges(); ok {
		m.counter("fanout_hedges_sent_total", "Attempts that were made because another one was late.", sent, label)
		m.counter("fanout_hedges_won_total", "Hedges whose answer stood.", won, label)
		m.counter("fanout_hedges_wasted_total", "Hedges whose answer did not.", wasted, label)
	}
	if n, action, ok := b.Unknown(); ok {
		m.counter("fanout_backend_rate_limit_unknown_total", "Requests for which the store of a backend's limit had no answer, by what the limit did then.", n,
			prometheus.Labels{"backend": name, "action": action})
	}
}

func (m *metrics) comparisons(s *shadow) {
	if s.config.Compare == routeconfig.CompareNone {
		return
	}
	for result, n := range s.results.total() {
		m.counter("fanout_shadow_comparisons_total", "Answers of shadows by how they stand to their reference.", n,
			prometheus.Labels{"backend": s.name, "result": string(result)})
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m *metrics) answers(name string, b *stats.Backend) {
	answers, duration := b.Total()
	count := func(outcome fanout.Outcome, reason stats.Reason, n uint64) {
		m.counter("fanout_answers_total", "Answers of backends by outcome and reason.", n,
			prometheus.Labels{"backend": name, "outcome": outcome.String(), "reason": string(reason)})
	}
	count(fanout.Succeeded, "", answers.Succeeded)
	count(fanout.Canceled, "", answers.Canceled)
	count(fanout.Skipped, "", answers.Skipped)
	for _, reason := range stats.Reasons(fanout.Failed) { // with 0 as well: what has no series before has no rate when it comes
		count(fanout.Failed, reason, answers.Failed[reason])
	}
	for _, reason := range stats.Reasons(fanout.Rejected) {
		count(fanout.Rejected, reason, answers.Rejected[reason])
	}
	for cause, n := range b.Causes() {
		m.counter("fanout_transport_failures_total", "Answers that failed without a response, or broke off, by what is known of it.", n,
			prometheus.Labels{"backend": name, "cause": string(cause)})
	}
	label := prometheus.Labels{"backend": name}
	m.counter("fanout_attempts_total", "HTTP exchanges with backends.", answers.Attempts, label)
	m.histogram("fanout_answer_duration_seconds", "Time to a succeeded or failed answer.", duration, label)
}

func (m *metrics) describe(name, help string, labels prometheus.Labels) *prometheus.Desc {
	all := prometheus.Labels{}
	maps.Copy(all, m.labels)
	maps.Copy(all, labels)
	return prometheus.NewDesc(name, help, nil, all)
}

func (m *metrics) counter(name, help string, n uint64, labels prometheus.Labels) {
	m.out <- prometheus.MustNewConstMetric(m.describe(name, help, labels), prometheus.CounterValue, float64(n))
}

func (m *metrics) gauge(name, help string, value float64, labels prometheus.Labels) {
	m.out <- prometheus.MustNewConstMetric(m.describe(name, help, labels), prometheus.GaugeValue, value)
}

// histogram writes a native histogram, whose buckets are ours already, and the same in classic
// ones, for whoever reads no others.
func (m *metrics) histogram(name, help string, h stats.Histogram, labels prometheus.Labels) {
	positive := make(map[int]int64, len(h.Counts))
	for _, c := range h.Counts {
		positive[c.Bucket] = int64(c.N) //nolint:gosec // a count of events
	}
	metric, err := prometheus.NewConstNativeHistogram(m.describe(name, help, labels),
		h.Total(), h.Seconds, positive, nil, 0, stats.Schema, 0, time.Time{})
	if err != nil {
		m.out <- prometheus.NewInvalidMetric(m.describe(name, help, labels), err)
		return
	}
	m.out <- &classic{Metric: metric, counts: h, bounds: m.bounds}
}

// classic is a native histogram with classic buckets beside.
type classic struct {
	prometheus.Metric

	counts stats.Histogram
	bounds []time.Duration
}

// Write implements prometheus.Metric.
func (c *classic) Write(out *dto.Metric) error {
	if err := c.Metric.Write(out); err != nil {
		return fmt.Errorf("write histogram: %w", err)
	}
	for _, bound := range c.bounds {
		out.Histogram.Bucket = append(out.Histogram.Bucket, &dto.Bucket{
			UpperBound: new(bound.Seconds()), CumulativeCount: new(c.counts.Within(bound)),
		})
	}
	return nil
}
