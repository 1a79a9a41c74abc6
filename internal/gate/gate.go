// Package gate lets calls in or refuses them: it matches, limits, authenticates
// and validates, in an order in which nobody can make it work for nothing. What it
// lets in is a complete fanout.Call.
package gate

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Options are those of a Gate.
type Options struct {
	Config *routeconfig.Route
	// Store holds the callers' keys.
	Store *creds.Store
	// Limiters are those of Config.RateLimits, by index. They outlive a reload that
	// leaves the limit as it is.
	Limiters []*Limiter
	// Via is the route's pseudonym for the loop guard.
	Via string
}

// Gate is the way in to one route. It is safe for concurrent use.
type Gate struct {
	matches    []match
	trusted    []netip.Prefix
	early      []*Limiter // by address or nothing: before authentication
	late       []*Limiter
	keys       *callerKeys
	validation validation
	via        string
}

// New compiles a Gate. The document is valid but for addresses of networks.
func New(o Options) (*Gate, error) {
	g := &Gate{
		matches:    newMatches(o.Config.Listener.Matches),
		validation: newValidation(&o.Config.Validation),
		via:        o.Via,
	}
	for _, cidr := range o.Config.Listener.TrustedCIDRs {
		p, err := netip.ParsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("parse trusted network: %w", err)
		}
		g.trusted = append(g.trusted, p)
	}
	for _, l := range o.Limiters {
		if l.config.Key == routeconfig.KeyHeader {
			g.late = append(g.late, l)
		} else {
			g.early = append(g.early, l)
		}
	}
	if a := o.Config.Authentication; a != nil && a.APIKeys != nil {
		g.keys = newCallerKeys(o.Config.Namespace, a.APIKeys, o.Store)
	}
	return g, nil
}

// Groups are the Secrets that the gate reads.
func (g *Gate) Groups() []*creds.Group {
	if g.keys == nil {
		return nil
	}
	return []*creds.Group{g.keys.group}
}

// Visit is one call on its way in. Whatever is known when it is refused is for the
// access log.
type Visit struct {
	// Client is who calls, see Gate.Client; it is set before.
	Client netip.Addr
	Caller string
	// Memory is what the call takes its body from; it is set before.
	Memory *memory.Account
	// Read says that nothing of the request is left to be read.
	Read bool
}

// Admit reads a request and returns the call that it makes, or why it makes none.
// The caller has begun no response.
func (g *Gate) Admit(w http.ResponseWriter, r *http.Request, v *Visit) (*fanout.Call, *Refusal) {
	call := &fanout.Call{Method: r.Method, Host: r.Host, Header: r.Header}
	call.Path, call.Query, call.HasQuery = split(r.RequestURI)
	if refusal := g.match(call); refusal != nil {
		return nil, refusal
	}
	if headers.HasVia(r.Header, g.via) {
		return nil, loopDetected()
	}
	if refusal := limit(g.early, r, v.Client); refusal != nil {
		return nil, refusal
	}
	if g.keys != nil {
		caller, ok := g.keys.identify(r.Header)
		if !ok {
			return nil, unauthorized(g.keys.header)
		}
		v.Caller, call.Caller = caller, caller
	}
	if refusal := limit(g.late, r, v.Client); refusal != nil {
		return nil, refusal
	}
	return call, g.validation.read(w, r, call, v)
}

func limit(limiters []*Limiter, r *http.Request, client netip.Addr) *Refusal {
	now := time.Now()
	for _, l := range limiters {
		if wait, ok := l.allow(now, l.key(r.Header, client)); !ok {
			return rateLimited(l.config.Name, wait)
		}
	}
	return nil
}
