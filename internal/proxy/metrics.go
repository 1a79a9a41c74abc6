package proxy

import (
	"time"

	"github.com/fanout-operator/fanout/internal/backend"
	"github.com/fanout-operator/fanout/internal/build"
	"github.com/fanout-operator/fanout/internal/exposition"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// expose shows the statistics as metrics: they are counted once, in package stats, and read here
// when somebody asks.
func (p *Proxy) expose(now time.Time) *exposition.Page {
	bounds := p.options.LatencyBuckets
	if bounds == nil {
		bounds = stats.DefaultBuckets()
	}
	page := exposition.New(bounds)
	current := p.plan.Load()
	all := metrics{page.With()}
	all.build(p.build)
	all.loads(&p.loads, current)
	all.process(p)
	if current == nil {
		return page
	}
	for _, id := range current.order {
		r := current.routes[id]
		m := metrics{page.With("namespace", r.config.Namespace, "route", r.config.Name)}
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
	return page
}

// process writes what all routes have together.
func (m metrics) process(p *Proxy) {
	m.Gauge("fanout_body_memory_bytes", "Memory taken by bodies.", float64(p.memory.Used()))
	m.Gauge("fanout_client_connections", "Connections of clients.", float64(p.clients.now()))
	m.Gauge("fanout_client_connections_limit", "Connections that clients may have.", float64(p.clients.max))
	m.Counter("fanout_client_connections_refused_total", "Connections, and calls of trusted peers, for which there was no room.", p.clients.refusals.Load())
	m.Counter("fanout_client_connections_closed_total", "Connections that made room for others before they had a call.", p.clients.closed.Load())
	m.Gauge("fanout_body_memory_limit_bytes", "Memory that bodies may take.", float64(p.memory.Limit))
}

// build writes what the program was built from.
func (m metrics) build(b build.Info) {
	m.Gauge("fanout_build_info", "1 for what a program of ours was built from.", 1,
		"component", "proxy", "version", b.Version, "commit", b.Commit, "go_version", b.Go)
}

// metrics writes those of one route, or of all.
type metrics struct{ *exposition.Samples }

func (m metrics) route(r *route) {
	calls, duration := r.calls.Total()
	count := func(outcome string, n uint64) {
		m.Counter("fanout_calls_total", "Calls by what became of them.", n, "outcome", outcome)
	}
	count(fanout.Complete.String(), calls.Complete)
	count(fanout.Partial.String(), calls.Partial)
	count(fanout.Unmet.String(), calls.Failed)
	count(fanout.ClientClosed.String(), calls.ClientClosed)
	count(neverDispatched, calls.Refused)
	m.Gauge("fanout_route_info", "1 for the hash of a route's part of the document.", 1, "part", r.part)
	m.Gauge("fanout_calls_in_flight", "Calls under way, stragglers included.", float64(r.dispatcher.InFlight()))
	m.refused(r)
	m.limits(r)
	m.store(r)
	m.Histogram("fanout_call_duration_seconds", "Time from a call's arrival to its response.", &duration)
}

// neverDispatched is the outcome of calls that were refused on the way in.
const neverDispatched = "refused"

// backend writes what belongs to a backend as it is configured: its counters begin
// anew with it.
func (m metrics) backend(name string, b *backend.Backend) {
	if circuit := b.Circuit(time.Now()); circuit != stats.NoCircuit {
		for _, state := range stats.Circuits()[1:] {
			m.Gauge("fanout_circuit_state", "1 for the state that the circuit breaker is in.", boolean(circuit == state),
				"backend", name, "state", string(state))
		}
	}
	if n, most, ok := b.Queued(); ok {
		m.Gauge("fanout_queued_requests", "Calls that wait for a slot of a backend.", float64(n), "backend", name)
		m.Gauge("fanout_queued_requests_limit", "Calls that may wait for a slot of a backend.", float64(most), "backend", name)
	}
	m.token(name, b)
	if sent, won, wasted, ok := b.Hedges(); ok {
		m.Counter("fanout_hedges_sent_total", "Attempts that were made because another one was late.", sent, "backend", name)
		m.Counter("fanout_hedges_won_total", "Hedges whose answer stood.", won, "backend", name)
		m.Counter("fanout_hedges_wasted_total", "Hedges whose answer did not.", wasted, "backend", name)
	}
	if n, action, ok := b.Unknown(); ok {
		m.Counter("fanout_backend_rate_limit_unknown_total", "Requests for which the store of a backend's limit had no answer, by what the limit did then.", n,
			"backend", name, "action", action)
	}
}

func (m metrics) comparisons(s *shadow) {
	if s.config.Compare == routeconfig.CompareNone {
		return
	}
	total := s.results.total()
	for _, result := range stats.Comparisons() {
		m.Counter("fanout_shadow_comparisons_total", "Answers of shadows by how they stand to their reference.", total[result],
			"backend", s.name, "result", string(result))
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m metrics) answers(name string, b *stats.Backend) {
	answers, duration := b.Total()
	count := func(outcome fanout.Outcome, reason stats.Reason, n uint64) {
		m.Counter("fanout_answers_total", "Answers of backends by outcome and reason.", n,
			"backend", name, "outcome", outcome.String(), "reason", string(reason))
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
	for cause, n := range b.Causes {
		m.Counter("fanout_transport_failures_total", "Answers that failed without a response, or broke off, by what is known of it.", n,
			"backend", name, "cause", string(cause))
	}
	m.Counter("fanout_attempts_total", "HTTP exchanges with backends.", answers.Attempts, "backend", name)
	m.Histogram("fanout_answer_duration_seconds", "Time to a succeeded or failed answer.", &duration, "backend", name)
}
