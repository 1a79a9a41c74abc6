package proxy

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/fanout-operator/fanout/internal/quota"
	"github.com/fanout-operator/fanout/internal/stats"
)

// share connects a route to the store of its limits, where some are shared. Routes of one
// namespace that name the same store have one connection to it, which outlives a reload.
func (c *compiler) share(r *route) error {
	config := r.config.RateLimitStore
	if config == nil {
		return nil
	}
	connection := *config
	connection.Proxies = 0
	content, err := json.Marshal(connection) //nolint:gosec // the name of a Secret
	if err != nil {
		return fmt.Errorf("encode store of rate limits: %w", err)
	}
	r.store = r.config.Namespace + "\n" + string(content)
	store := keep(c.old.stores, c.fresh.stores, r.store, func() *quota.Store {
		return quota.New(quota.Options{Config: config, Namespace: r.config.Namespace, Credentials: c.store, Dialer: c.options.Dialer,
			Log: c.options.Log.With(slog.String("namespace", r.config.Namespace), slog.Any("store", config.Addresses)),
		})
	})
	r.shared = store.Route(r.config.Namespace, r.config.Name, config.Proxies)
	return nil
}

// closeStores ends the stores and the exporters of a plan that another one, nil for none, does
// not have.
func (p *Proxy) closeStores(of, other *lasting) {
	for id, store := range of.stores {
		if other == nil || other.stores[id] != store {
			p.closing.Go(store.Close)
		}
	}
	for id, exporter := range of.traces {
		if other == nil || other.traces[id] != exporter {
			p.closing.Go(exporter.Close)
		}
	}
}

// forgetShared has the stores of a plan forget the routes that it does not have.
func (p *plan) forgetShared() {
	used := map[*quota.Route]bool{}
	for _, r := range p.routes {
		used[r.shared] = true
	}
	for _, store := range p.lasting.stores {
		store.Keep(func(r *quota.Route) bool { return used[r] })
	}
}

// storeReport is what /status says of the store; nil where there is none.
func (r *route) storeReport() *stats.StoreReport {
	if r.shared == nil {
		return nil
	}
	fault := r.shared.Store().Fault()
	return &stats.StoreReport{Answers: fault == "", Fault: fault}
}

// store writes whether the store answers, and what limits did where it has not.
func (m metrics) store(r *route) {
	if r.shared == nil {
		return
	}
	m.Gauge("fanout_rate_limit_store_up", "1 where the store of shared rate limits answers in time.", boolean(r.shared.Store().Fault() == ""))
	m.Counter("fanout_rate_limit_store_failures_total", "Requests to the store that were not answered in time.", r.shared.Store().Failures())
	for i, l := range r.limiters {
		if config := &r.config.RateLimits[i]; config.Shared {
			m.Counter("fanout_rate_limit_unknown_total", "Calls for which the store of a limit had no answer, by what the limit did then.", l.Unknown(),
				"limit", config.Name, "action", config.OnStoreFailure)
		}
	}
}
