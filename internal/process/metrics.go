package process

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector shows whether the process leads, since when, and when it last renewed its Lease.
// elected is closed when it begins to lead.
func (f *Fence) Collector(elected <-chan struct{}) prometheus.Collector { return &leading{f, elected} }

type leading struct {
	fence   *Fence
	elected <-chan struct{}
}

// Describe implements prometheus.Collector.
func (l *leading) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(l, out) }

// Collect implements prometheus.Collector.
func (l *leading) Collect(out chan<- prometheus.Metric) {
	leads, renewed := 0.0, 0.0
	select {
	case <-l.elected:
		leads = 1
	default:
	}
	if at := l.fence.Renewed(); !at.IsZero() {
		renewed = float64(at.UnixMilli()) / float64(time.Second/time.Millisecond)
	}
	for name, of := range map[string]struct {
		help  string
		value float64
	}{
		"fanout_operator_leader":                        {"1 where this operator leads, or needs no Lease to.", leads},
		"fanout_operator_lease_renew_timestamp_seconds": {"When this operator last wrote its Lease, 0 for never.", renewed},
	} {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, of.help, nil, nil), prometheus.GaugeValue, of.value)
	}
}
