package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fanout-operator/fanout/internal/backend"
	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/combine"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/gate"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/quota"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/trace"
)

// plan is the compiled form of a document. It is immutable; a reload makes another.
type plan struct {
	hash   string
	routes map[string]*route
	order  []string
	// at is where the routes are.
	at map[*server]*route
	// kept is what the next plan takes over where it is equal.
	lasting lasting
}

// route is one compiled route.
type route struct {
	id       string // namespace/name
	config   *routeconfig.Route
	part     string // hash of config
	gate     *gate.Gate
	limiters []*gate.Limiter // by the index of config.RateLimits
	shared   *quota.Route    // of limits that are counted with other proxies; nil for none
	store    string          // which store that is at
	backends []*receiver
	shadows  []*shadow
	computes bool // one of them has expressions
	// credentials are the fields of callers that backends do not get.
	credentials *headers.Credentials
	dispatcher  *fanout.Dispatcher
	combiner    *combine.Combiner
	calls       *stats.Route
	recent      *calls.Recent
	names       []string // of backends, then of shadows
	refusals    *stats.Refusals
	rules       []tallied
	issuers     []*jwt.Issuer
	accessLog   *accessLog
	tracing     *tracing // nil where nothing is traced
	log         *slog.Logger
	// shadowMemory is what shadows of all routes share.
	shadowMemory *memory.Budget
	reads        []dependency
	// certificate and secure are nil for a plain listener.
	certificate *creds.Derived[*tls.Certificate]
	secure      *tls.Config
}

// greets reports whether every listener with TLS has, or had, a certificate: a proxy
// without one must not take the place of another that has.
func (p *plan) greets() bool {
	for _, r := range p.routes {
		if r.certificate == nil {
			continue
		}
		if _, err := r.certificate.Get(); err != nil {
			return false
		}
	}
	return true
}

// dependency is a Secret or a ConfigMap that a route reads; backend is empty for its callers',
// and field then says what names it.
type dependency struct {
	creds.Source

	backend, field string
	use            routeconfig.Use
}

func depends(on creds.Source, r *routeconfig.Reference) dependency {
	if r.Backend != "" {
		return dependency{on, r.Backend, "", r.Use}
	}
	return dependency{on, "", r.Field, r.Use}
}

// lasting is the state behind a plan, which outlives it. States and limiters go by name and
// content of their part of the document, statistics by name.
type lasting struct {
	states   map[string]*backend.State
	limiters map[string]*gate.Limiter
	stores   map[string]*quota.Store
	calls    map[string]*stats.Route
	recent   map[string]*calls.Recent
	refusals map[string]*stats.Refusals
	answers  map[string]*stats.Backend
	faults   map[string]*faults
	results  map[string]*comparisons
	tallies  map[string]*stats.Tally
	issuers  map[string]*jwt.Issuer
	traces   map[string]*trace.Exporter
}

func newLasting() lasting {
	return lasting{
		states:   map[string]*backend.State{},
		limiters: map[string]*gate.Limiter{},
		stores:   map[string]*quota.Store{},
		calls:    map[string]*stats.Route{},
		recent:   map[string]*calls.Recent{},
		refusals: map[string]*stats.Refusals{},
		answers:  map[string]*stats.Backend{},
		faults:   map[string]*faults{},
		results:  map[string]*comparisons{},
		tallies:  map[string]*stats.Tally{},
		issuers:  map[string]*jwt.Issuer{},
		traces:   map[string]*trace.Exporter{},
	}
}

// compiler makes a plan out of a document and of what the last plan kept.
type compiler struct {
	options      *Options
	store        *creds.Store
	hashing      *gate.Hashing
	digests      *jwt.Digests
	old          lasting
	fresh        lasting
	now          time.Time
	shadowMemory *memory.Budget
	desk         *calls.Desk
	// expressions compiles those of all routes.
	expressions *expression.Compiler
}

func (c *compiler) plan(document *routeconfig.Document, hash string) (*plan, error) {
	var err error
	if c.expressions, err = expression.NewCompiler(); err != nil {
		return nil, fmt.Errorf("compile plan: %w", err)
	}
	p := &plan{hash: hash, routes: map[string]*route{}}
	for i := range document.Routes {
		r, err := c.route(&document.Routes[i])
		if err != nil {
			return nil, fmt.Errorf("compile route %s/%s: %w", document.Routes[i].Namespace, document.Routes[i].Name, err)
		}
		p.routes[r.id] = r
		p.order = append(p.order, r.id)
	}
	p.lasting = c.fresh
	return p, nil
}

func (c *compiler) route(config *routeconfig.Route) (*route, error) {
	r := &route{
		id: config.Namespace + "/" + config.Name, config: config, log: c.options.Log, shadowMemory: c.shadowMemory,
		accessLog: newAccessLog(config, c.options.AccessLogSample),
	}
	part, err := config.Hash()
	if err != nil {
		return nil, fmt.Errorf("hash route: %w", err)
	}
	r.part = part
	for _, reference := range config.References() {
		r.reads = append(r.reads, depends(c.source(config.Namespace, &reference), &reference))
	}
	r.credentials = gate.Credentials(config)
	via := pseudonym(r.id)
	if config.Listener.TLSSecret != "" {
		r.certificate = c.store.KeyPair(config.Namespace, config.Listener.TLSSecret)
		r.secure = showing(r.certificate, asks(config.Authentication), c.options.Queue.Pass)
	}
	if err := c.share(r); err != nil {
		return nil, err
	}
	if err := c.receivers(r, via); err != nil {
		return nil, err
	}
	if err := c.gate(r, via); err != nil {
		return nil, err
	}
	r.calls = keep(c.old.calls, c.fresh.calls, r.id, func() *stats.Route { return stats.NewRoute(c.now) })
	r.refusals = keep(c.old.refusals, c.fresh.refusals, r.id, func() *stats.Refusals { return stats.NewRefusals(c.now, gate.Reasons()) })
	r.recent = keep(c.old.recent, c.fresh.recent, r.id, func() *calls.Recent { return calls.NewRecent(c.desk) })
	for _, b := range r.backends {
		r.names = append(r.names, b.name)
	}
	r.combiner = combine.New(combine.Options{
		Response: config.Response, Backends: slices.Clone(r.names), Policy: config.Dispatch.Policy,
	})
	for _, s := range r.shadows {
		r.names = append(r.names, s.name)
	}
	r.dispatcher = newDispatcher(r)
	if r.tracing, err = c.tracing(r); err != nil {
		return nil, err
	}
	return r, nil
}

// source is the handle on what is made of an object that a route reads.
func (c *compiler) source(namespace string, r *routeconfig.Reference) creds.Source {
	switch r.Use {
	case routeconfig.UseJSONSchema:
		return gate.Schema(c.store, namespace, routeconfig.ConfigMapKey{Name: r.Name, Key: r.Keys[0]})
	case routeconfig.UseJWKS:
		return jwt.Keys(c.store, namespace, routeconfig.ConfigMapKey{Name: r.Name, Key: r.Keys[0]})
	case routeconfig.UseOpenAPI:
		return gate.OpenAPI(c.store, namespace, routeconfig.ConfigMapKey{Name: r.Name, Key: r.Keys[0]})
	default:
		return c.store.Source(namespace, r)
	}
}

func (c *compiler) gate(r *route, via string) error {
	var err error
	if r.limiters, err = c.limiters(r.id, r.config.RateLimits); err != nil {
		return err
	}
	if r.issuers, err = c.issuers(r); err != nil {
		return err
	}
	r.gate, err = gate.New(gate.Options{
		Config: r.config, Store: c.store, Hashing: c.hashing, Issuers: r.issuers, Digests: c.digests,
		Limiters: r.limiters, Quota: r.shared, Via: via, Computes: r.computes, Expressions: c.expressions, Tally: c.tally(r),
	})
	if err != nil {
		return fmt.Errorf("compile gate: %w", err)
	}
	return nil
}

// keep takes what the last plan had, or makes it.
func keep[T any](old, fresh map[string]T, id string, create func() T) T {
	value, ok := old[id]
	if !ok {
		value = create()
	}
	fresh[id] = value
	return value
}

// pseudonym is what Via shows of a route: enough to know itself, and nothing to
// learn from.
func pseudonym(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "fanout-" + hex.EncodeToString(sum[:6])
}
