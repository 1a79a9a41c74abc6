package rates

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fanout-operator/fanout/internal/stats"
)

// counted is what polls came to, for metrics.
type counted struct {
	results  *prometheus.CounterVec
	duration prometheus.Histogram
	last     prometheus.Gauge
}

// The results of polls: a proxy answered, answered in a version that cannot be read here, or did
// not answer, or with what no proxy says.
const (
	pollAnswered   = "answered"
	pollUnread     = "unread"
	pollUnanswered = "unanswered"
)

func newPolled() *counted {
	p := &counted{
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fanout_operator_polls_total", Help: "Polls of proxies by what came of them.",
		}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fanout_operator_poll_duration_seconds", Help: "Time that polls of proxies took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2}, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fanout_operator_last_poll_timestamp_seconds", Help: "When a proxy answered last, 0 for never.",
		}),
	}
	for _, result := range []string{pollAnswered, pollUnread, pollUnanswered} {
		p.results.WithLabelValues(result)
	}
	return p
}

// note takes what came of a poll.
func (p *counted) note(begun, now time.Time, err error) {
	result := pollAnswered
	if _, ok := errors.AsType[*stats.VersionError](err); ok {
		result = pollUnread
	} else if err != nil {
		result = pollUnanswered
	}
	p.results.WithLabelValues(result).Inc()
	p.duration.Observe(now.Sub(begun).Seconds())
	if result != pollUnanswered {
		p.last.Set(float64(now.UnixMilli()) / 1000)
	}
}

// standing are the proxies of all routes by how they stand.
type standing struct{ proxies *prometheus.Desc }

func newStanding() standing {
	return standing{prometheus.NewDesc("fanout_operator_proxies",
		"Proxies that are asked: those that answer, that do not, and that nothing is known of yet.", []string{"state"}, nil)}
}

// Describe implements prometheus.Collector.
func (p *Poller) Describe(out chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(p, out)
}

// Collect implements prometheus.Collector. There are eight series and a histogram, however many proxies.
func (p *Poller) Collect(out chan<- prometheus.Metric) {
	p.counted.results.Collect(out)
	p.counted.duration.Collect(out)
	p.counted.last.Collect(out)
	reached, unreachable, unknown := p.count()
	for state, n := range map[string]int{"reached": reached, "unreachable": unreachable, "unknown": unknown} {
		out <- prometheus.MustNewConstMetric(p.standing.proxies, prometheus.GaugeValue, float64(n), state)
	}
}

func (p *Poller) count() (reached, unreachable, unknown int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.proxies {
		switch {
		case !c.known:
			unknown++
		case c.proxy.Reached:
			reached++
		default:
			unreachable++
		}
	}
	return reached, unreachable, unknown
}
