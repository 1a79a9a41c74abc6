package backend

import (
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// State is what belongs to a backend at run time and outlives a reload of the
// document that leaves the backend as it is: connections, token, limits.
type State struct {
	transport http.RoundTripper
	authority *creds.Group // ca.crt; nil for the public ones
	secret    *creds.Group // the credential's; nil without one
	tokens    *creds.TokenSource
	limiter   *rate.Limiter
	slots     int64 // 0 for no limit
	taken     atomic.Int64
}

// NewState returns the State of a backend, with nothing connected yet.
func NewState(namespace string, config *routeconfig.Backend, store *creds.Store, dial Dialer) *State {
	s := &State{slots: int64(config.MaxConcurrentRequests)}
	if config.TLS != nil && config.TLS.CASecret != "" {
		s.authority = store.Group(namespace, config.TLS.CASecret, "ca.crt")
	}
	s.transport = newTransport(dial, tlsOptions(config.TLS, s.authority))
	if limit := config.RateLimit; limit != nil {
		every := time.Duration(limit.Per) / time.Duration(limit.Requests)
		s.limiter = rate.NewLimiter(rate.Every(every), limit.Burst)
	}
	c := config.Credential
	if c == nil {
		return s
	}
	s.secret = store.Group(namespace, c.Secret, c.Keys()...)
	if c.Type == routeconfig.CredentialOAuth2 {
		s.tokens = creds.NewTokenSource(creds.TokenOptions{
			TokenURL:   c.TokenURL,
			Scopes:     c.Scopes,
			Post:       c.Post,
			Parameters: parameters(c.Parameters),
			Client:     s.secret,
			Transport:  newTransport(dial, tlsOptions(nil, nil)),
		})
	}
	return s
}

func parameters(list []routeconfig.NameValue) url.Values {
	values := url.Values{}
	for _, p := range list {
		values.Set(p.Name, p.Value)
	}
	return values
}

// Groups are the Secrets that the backend reads.
func (s *State) Groups() []*creds.Group {
	return slices.DeleteFunc([]*creds.Group{s.authority, s.secret}, func(g *creds.Group) bool { return g == nil })
}

// Close gives up idle connections. Those in use are closed when they have been
// idle.
func (s *State) Close() {
	if t, ok := s.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// admit takes a slot and a token of the limit, or says which was lacking.
func (s *State) admit() (*reservation, fanout.Answer) {
	if s.slots > 0 && s.taken.Add(1) > s.slots {
		s.taken.Add(-1)
		return nil, fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.Overloaded, RetryAfter: time.Second}
	}
	r := &reservation{}
	if s.limiter == nil {
		return r, fanout.Answer{}
	}
	r.limit = s.limiter.Reserve()
	if wait := r.limit.Delay(); wait > 0 {
		r.limit.Cancel()
		s.release()
		return nil, fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.RateLimited, RetryAfter: wait}
	}
	return r, fanout.Answer{}
}

func (s *State) release() {
	if s.slots > 0 {
		s.taken.Add(-1)
	}
}
