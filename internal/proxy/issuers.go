package proxy

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/stats"
)

// issuers are those whose tokens a route takes, by their place in the document. They go by
// name and content, so that an edit of something else lets them keep their keys.
func (c *compiler) issuers(r *route) ([]*jwt.Issuer, error) {
	a := r.config.Authentication
	if a == nil {
		return nil, nil
	}
	var list []*jwt.Issuer
	for i := range a.JWT {
		config := &a.JWT[i]
		content, err := json.Marshal(config)
		if err != nil {
			return nil, fmt.Errorf("encode issuer %q: %w", config.Name, err)
		}
		o := jwt.Options{Config: config, Dialer: c.options.Dialer, Log: c.options.Log.With("route", r.id)}
		if config.CASecret != "" {
			o.Authorities = c.store.Authorities(r.config.Namespace, config.CASecret)
		}
		if config.JWKS != nil {
			o.Keys = jwt.Keys(c.store, r.config.Namespace, *config.JWKS)
		}
		list = append(list, keep(c.old.issuers, c.fresh.issuers, r.id+"\n"+string(content), func() *jwt.Issuer { return jwt.New(o) }))
	}
	return list, nil
}

// start lets issuers fetch their keys, and exporters send.
func (l *lasting) start() {
	for _, exporter := range l.traces {
		exporter.Start()
	}
	for _, issuer := range l.issuers {
		issuer.Start()
	}
}

// endIssuers ends fetching for those that are not among the ones that stay.
func (l *lasting) endIssuers(stay map[string]*jwt.Issuer) {
	for id, issuer := range l.issuers {
		if stay[id] != issuer {
			issuer.Close()
		}
	}
}

// reportIssuers is what /status says of issuers.
func (r *route) reportIssuers(now time.Time) (list []stats.IssuerReport) {
	for _, issuer := range r.issuers {
		s := issuer.State(now)
		list = append(list, stats.IssuerReport{
			Name: issuer.Name(), Keys: s.Keys, AgeSeconds: int64(s.Age.Seconds()), Never: s.Never, Problem: s.Problem,
		})
	}
	return list
}

// lacksKeys lists issuers whose keys were not fetched for long, or of which there are none.
func (r *route) lacksKeys(list []stats.MissingKey, now time.Time) []stats.MissingKey {
	for _, issuer := range r.issuers {
		s := issuer.State(now)
		if s.Problem == "" || !s.Never && s.Keys > 0 && s.Age < toldAfter {
			continue
		}
		list = append(list, stats.MissingKey{
			Issuer: issuer.Name(), Message: s.Problem + aged(s), Stale: !s.Never && s.Age <= jwt.MaxAge, Seconds: int64(s.Age.Seconds()),
		})
	}
	return list
}

// toldAfter is for how long keys were not fetched when that is told: three times, and one that
// fails now and then is no news.
const toldAfter = 15 * time.Minute

// aged says how old keys are, in steps, so that it stays the same for long.
func aged(s jwt.State) string {
	switch {
	case s.Never:
		return "; there are none yet"
	case s.Age > jwt.MaxAge:
		return "; the last ones are older than 24 h, and not used any more"
	case s.Age >= 12*time.Hour:
		return "; the last ones are older than 12 h"
	case s.Age >= time.Hour:
		return "; the last ones are older than 1 h"
	case s.Age >= toldAfter:
		return "; the last ones are older than 15 min"
	}
	return ""
}

// issuers writes metrics of the keys of issuers.
func (m metrics) issuers(r *route) {
	for _, issuer := range r.issuers {
		s := issuer.State(time.Now())
		m.Gauge("fanout_issuer_keys", "Keys of an issuer of tokens that can be used.", float64(s.Keys), "issuer", issuer.Name())
		if !s.Never {
			m.Gauge("fanout_issuer_keys_age_seconds", "Time since the keys of an issuer were fetched.", s.Age.Seconds(), "issuer", issuer.Name())
		}
	}
}
