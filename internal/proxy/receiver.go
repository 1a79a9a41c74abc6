package proxy

import (
	"fmt"
	"time"

	"github.com/fanout-operator/fanout/internal/backend"
	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// receiver is a backend, or what a shadow has in common with one: whom calls are sent to,
// and what is counted of its answers.
type receiver struct {
	*backend.Backend

	name    string
	answers *stats.Backend
	faults  *faults
}

// receivers compiles those of a route, each in the place that it has in the document.
func (c *compiler) receivers(r *route, via string) error {
	var idle time.Duration // of a response that is streamed, which a shadow's answer never is
	if !r.config.Response.Combined() {
		idle = time.Duration(r.config.Response.IdleTimeout)
	}
	for i := range r.config.Backends {
		b, err := c.receiver(r, &r.config.Backends[i], via, idle)
		if err != nil {
			return err
		}
		r.backends = append(r.backends, b)
	}
	for i := range r.config.Shadows {
		s, err := c.shadow(r, &r.config.Shadows[i], via)
		if err != nil {
			return err
		}
		r.shadows = append(r.shadows, s)
	}
	return nil
}

func (c *compiler) receiver(r *route, config *routeconfig.Backend, via string, idle time.Duration) (*receiver, error) {
	hash, err := config.Hash()
	if err != nil {
		return nil, fmt.Errorf("hash backend: %w", err)
	}
	id := r.id + "\n" + config.Name
	known := id + "\n" + hash
	if config.SharesLimit() {
		known += "\n" + r.store
	}
	state := keep(c.old.states, c.fresh.states, known, func() *backend.State {
		s := backend.NewState(backend.StateOptions{
			Namespace: r.config.Namespace, Config: config, Store: c.store, Dialer: c.options.Dialer, HTTP1: c.options.HTTP1,
		})
		if config.SharesLimit() {
			s.Share(config, r.shared)
		}
		return s
	})
	b, err := backend.New(backend.Options{
		Config:      config,
		State:       state,
		Combined:    r.config.Response.Combined(),
		IdleTimeout: idle,
		Credentials: r.credentials,
		Via:         via,
		Expressions: c.expressions,
		MaxBody:     int(r.config.Validation.MaxBodySize),
	})
	if err != nil {
		return nil, fmt.Errorf("compile backend: %w", err)
	}
	r.computes = r.computes || b.Computes()
	return &receiver{
		Backend: b, name: config.Name,
		answers: keep(c.old.answers, c.fresh.answers, id, func() *stats.Backend { return stats.NewBackend(c.now) }),
		faults:  keep(c.old.faults, c.fresh.faults, id, func() *faults { return &faults{} }),
	}, nil
}

func (c *compiler) shadow(r *route, config *routeconfig.Shadow, via string) (*shadow, error) {
	ignored, ok := rawjson.NewPlaces(config.IgnoredPaths)
	if !ok {
		return nil, fmt.Errorf("compile shadow: ignored paths %q are no JSON Pointers", config.IgnoredPaths)
	}
	if len(config.IgnoredPaths) == 0 {
		ignored = nil
	}
	b, err := c.receiver(r, &config.Backend, via, 0)
	if err != nil {
		return nil, err
	}
	return &shadow{
		receiver: *b, config: config, ignored: ignored,
		results: keep(c.old.results, c.fresh.results, r.id+"\n"+config.Name, func() *comparisons { return &comparisons{begun: c.now} }),
	}, nil
}
