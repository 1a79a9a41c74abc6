package backend

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// State is what belongs to a backend at run time and outlives a reload of the
// document that leaves the backend as it is: connections, token, limits.
type State struct {
	limits

	base        *url.URL // whom connections are to
	connections http.RoundTripper
	multiplexed bool                             // several calls may share a connection
	issuer      issuer                           // of tokens
	authority   *creds.Derived[*x509.CertPool]   // nil for the public ones
	client      *creds.Derived[*tls.Certificate] // nil for none
	secret      *creds.Derived[*creds.Snapshot]  // the credential's; nil without one
	workload    *creds.Derived[*creds.Snapshot]  // the service account's token; nil without one
	tokens      *creds.TokenSource
	hedges      *hedges
	repeats     budget // of retries
}

// StateOptions are those of a State. All but HTTP1 are required.
type StateOptions struct {
	// Namespace is that of the Secrets which Config names.
	Namespace string
	Config    *routeconfig.Backend
	Store     *creds.Store
	// Dialer connects to the backend and to its token endpoint.
	Dialer *dial.Dialer
	// HTTP1 makes what speaks HTTP/1.1 to the backend. Default: package h1.
	HTTP1 carrier.HTTP1
}

// NewState returns the State of a backend, with nothing connected yet.
func NewState(o StateOptions) *State {
	config, namespace, store := o.Config, o.Namespace, o.Store
	s := &State{hedges: newHedges(config.Hedge)}
	s.configure(config)
	if config.Retry != nil {
		s.repeats.percent = config.Retry.BudgetPercent
	}
	if config.TLS != nil && config.TLS.CASecret != "" {
		s.authority = store.Authorities(namespace, config.TLS.CASecret)
	}
	if config.TLS != nil && config.TLS.ClientCertificateSecret != "" {
		s.client = store.KeyPair(namespace, config.TLS.ClientCertificateSecret)
	}
	if base, err := url.Parse(config.URL); err == nil { // New says that it is wrong
		s.base = base
		c := carrier.New(carrier.Options{
			Base: base, Dialer: o.Dialer, Protocol: config.Protocol, Secure: carrier.Secure(config.TLS, s.authority, s.pair()), HTTP1: o.HTTP1, Late: late,
		})
		s.connections, s.multiplexed = c, c.Multiplexed()
	}
	c := config.Credential
	if c == nil {
		return s
	}
	if c.Audience != "" {
		s.workload = store.Workload(namespace, c.Audience)
	}
	s.secret = s.workload
	if c.Secret != "" {
		s.secret = store.Credential(namespace, new(c.Reference()))
	}
	if c.Type == routeconfig.CredentialOAuth2 {
		s.tokens = s.issue(namespace, c, store, o.Dialer)
	}
	return s
}

// Close gives up idle connections. Those in use are closed when they have been
// idle.
func (s *State) Close() {
	if c, ok := s.connections.(*carrier.Carrier); ok {
		c.Close()
	}
	s.issuer.close()
}
