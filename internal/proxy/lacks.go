package proxy

import (
	"log/slog"
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
)

// lacks remembers what was logged of Secrets and ConfigMaps that cannot be used, so that each
// is one line when it begins, and one when it is over.
type lacks struct {
	mu   sync.Mutex
	told map[lack]bool
}

// lack is something that a route's status lists, but for times.
type lack struct {
	route string
	key   stats.MissingKey
}

// tellLacks logs what has changed of them. Keys of issuers have lines of their own.
func (p *Proxy) tellLacks() {
	current := p.plan.Load()
	if current == nil {
		return
	}
	p.lacks.mu.Lock()
	defer p.lacks.mu.Unlock()
	found := map[lack]bool{}
	for _, id := range current.order {
		for _, key := range current.routes[id].missing(time.Now()) {
			if key.Issuer != "" {
				continue
			}
			key.Seconds = 0
			one := lack{id, key}
			if found[one] = true; !p.lacks.told[one] {
				p.options.Log.Warn("reference not resolved", one.attributes()...)
			}
		}
	}
	for one := range p.lacks.told {
		if !found[one] && current.routes[one.route] != nil {
			p.options.Log.Info("reference resolved", one.attributes()...)
		}
	}
	p.lacks.told = found
}

// attributes name the object, what is wrong with it, and whom it is for.
func (l *lack) attributes() (list []any) {
	list = append(list, slog.String("route", l.route))
	for _, a := range []struct{ name, value string }{
		{"backend", l.key.Backend}, {"field", l.key.Field}, {"secret", l.key.Secret}, {"configMap", l.key.ConfigMap},
		{"audience", l.key.Audience}, {"key", l.key.Key}, {"detail", l.key.Message},
	} {
		if a.value != "" {
			list = append(list, slog.String(a.name, a.value))
		}
	}
	if l.key.Stale {
		list = append(list, slog.Bool("stale", true))
	}
	return list
}
