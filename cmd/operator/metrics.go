package main

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fanout-operator/fanout/internal/build"
)

// register adds our metrics to those of controller-runtime. Of the Go runtime that registers everything,
// some sixty go_godebug_ among it that say nothing here: what everybody has comes in its place.
func register(own ...prometheus.Collector) error {
	metrics.Registry.Unregister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsAll)))
	b := build.Read()
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fanout_build_info", Help: "1 for what a program of ours was built from.",
		ConstLabels: prometheus.Labels{"component": "operator", "version": b.Version, "commit": b.Commit, "go_version": b.Go},
	}, func() float64 { return 1 })
	var failed error
	for _, c := range append([]prometheus.Collector{collectors.NewGoCollector(), info}, own...) {
		failed = errors.Join(failed, metrics.Registry.Register(c))
	}
	if failed != nil {
		return fmt.Errorf("register metrics: %w", failed)
	}
	return nil
}
