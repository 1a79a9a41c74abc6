// Package gate lets calls in or refuses them: it matches, limits, authenticates
// and validates, in an order in which nobody can make it work for nothing. What it
// lets in is an Admission: a complete fanout.Call, and what expressions read of it.
package gate

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/quota"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Options are those of a Gate.
type Options struct {
	Config *routeconfig.Route
	// Store holds the callers' keys, and Hashing judges their passwords.
	Store   *creds.Store
	Hashing *Hashing
	// Issuers are those of Config.Authentication.JWT, by index, and Digests tells their
	// tokens apart. They outlive a reload that leaves an issuer as it is.
	Issuers []*jwt.Issuer
	Digests *jwt.Digests
	// Limiters are those of Config.RateLimits, by index. They outlive a reload that
	// leaves the limit as it is.
	Limiters []*Limiter
	// Quota counts for all proxies of the route; nil where no limit is shared.
	Quota *quota.Route
	// Via is the route's pseudonym for the loop guard.
	Via string
	// Computes says that a backend has expressions, so that calls need an Input.
	Computes bool
	// Expressions compiles those of rules.
	Expressions *expression.Compiler
	// Tally is told of each call that a rule of the validation refuses, or would refuse. It
	// may be nil.
	Tally func(rule string)
}

// Gate is the way in to one route. It is safe for concurrent use.
type Gate struct {
	matches    []match
	trusted    []netip.Prefix
	early      limits // by address or nothing: before authentication
	late       limits
	quota      *quota.Route
	policy     []string // what the field RateLimit-Policy says; nil for none
	proofs     []proof
	secrets    []string // parameters of the query that carry tokens
	validation validation
	via        string
	tells      []string // kinds of fields that tell a backend who calls
	hidden     func(field string) bool
	computes   bool
	// permissions are those of the callers.
	permissions permissions
	schema      func() (*judge.Schema, error) // nil for none
	described   *described                    // nil for none
	rules       []rule
	reports     bool // what document, schema and rules do not admit passes
	tally       func(rule string)
	steps       []step
}

// New compiles a Gate. The document is valid but for addresses of networks.
func New(o Options) (*Gate, error) {
	g := &Gate{
		matches:    newMatches(o.Config.Listener.Matches),
		validation: newValidation(&o.Config.Validation),
		via:        o.Via,
		hidden:     Credentials(o.Config).Has,
		computes:   o.Computes,
	}
	for _, cidr := range o.Config.Listener.TrustedCIDRs {
		p, err := netip.ParsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("parse trusted network: %w", err)
		}
		g.trusted = append(g.trusted, p)
	}
	for _, l := range o.Limiters {
		if l.config.Key == routeconfig.KeyNone || l.config.Key == routeconfig.KeyClientIP {
			g.early.add(l)
		} else {
			g.late.add(l)
		}
	}
	g.policy, g.quota = policy(o.Limiters), o.Quota
	for b := range o.Config.Receivers() {
		if kind := b.Request.ClientAddress; kind != "" && !slices.Contains(g.tells, kind) {
			g.tells = append(g.tells, kind)
		}
	}
	var err error
	if err = g.knowCallers(&o); err != nil {
		return nil, err
	}
	if g.schema, err = schemaOf(o.Config, o.Store); err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	if g.rules, err = newRules(o.Expressions, o.Config.Validation.Rules); err != nil {
		return nil, err
	}
	g.described = newDescribed(o.Config, o.Store)
	g.computes, g.reports, g.tally = g.computes || len(g.rules) > 0, o.Config.Validation.Report, o.Tally
	g.steps = g.way()
	return g, nil
}

// Credentials are the fields in which callers of a route send credentials, its own key
// among them: neither expressions nor records nor backends get them.
func Credentials(config *routeconfig.Route) *headers.Credentials {
	more := config.CredentialHeaders
	if a := config.Authentication; a != nil {
		more = append(slices.Clip(more), a.Headers()...)
	}
	return headers.NewCredentials(more)
}
