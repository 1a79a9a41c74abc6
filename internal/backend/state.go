package backend

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// State is what belongs to a backend at run time and outlives a reload of the
// document that leaves the backend as it is: connections, token, limits.
type State struct {
	connections http.RoundTripper
	multiplexed bool         // several calls may share a connection
	issuer      *connections // to the token endpoint; nil without one
	authority   *creds.Group // ca.crt; nil for the public ones
	client      *creds.Group // tls.crt and tls.key; nil for none
	secret      *creds.Group // the credential's; nil without one
	tokens      *creds.TokenSource
	limiter     *rate.Limiter
	breaker     *breaker
	hedges      *hedges
	repeats     budget              // of retries
	slots       *semaphore.Weighted // nil for no limit
	places      int64               // in the queue for a slot
	queued      atomic.Int64
}

// NewState returns the State of a backend, with nothing connected yet.
func NewState(namespace string, config *routeconfig.Backend, store *creds.Store, dialer *dial.Dialer) *State {
	s := &State{
		places: int64(config.MaxQueuedRequests), breaker: newBreaker(config.CircuitBreaker), hedges: newHedges(config.Hedge),
	}
	if config.MaxConcurrentRequests > 0 {
		s.slots = semaphore.NewWeighted(int64(config.MaxConcurrentRequests))
	}
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
		secure := tlsOptions(config.TLS, s.authority, s.client)
		s.multiplexed = multiplexes(base, config.Protocol)
		s.connections = newConnections(base, dialer, func() keeper { return newKeeper(base, dialer, config.Protocol, secure) })
	}
	if limit := config.RateLimit; limit != nil {
		s.limiter = rate.NewLimiter(perSecond(limit), limit.Burst)
	}
	c := config.Credential
	if c == nil {
		return s
	}
	s.secret = secretOf(store, namespace, c)
	if c.Type == routeconfig.CredentialOAuth2 {
		s.issuer = newIssuer(c.TokenURL, dialer)
		s.tokens = creds.NewTokenSource(creds.TokenOptions{
			TokenURL:   c.TokenURL,
			Scopes:     c.Scopes,
			Post:       c.Post,
			Parameters: parameters(c.Parameters),
			Client:     s.secret,
			Transport:  repeated{s.issuer},
			Explain:    explain,
		})
	}
	return s
}

// secretOf is the handle on what a credential is made of, which says what that may hold.
func secretOf(store *creds.Store, namespace string, c *routeconfig.Credential) *creds.Group {
	switch {
	case c.Type == routeconfig.CredentialOAuth2:
		return store.Client(namespace, c.Secret)
	case c.Type == routeconfig.CredentialBasic:
		return store.Basic(namespace, c.Secret)
	case c.Type == routeconfig.CredentialAPIKey && c.Header == "":
		return store.Group(namespace, c.Secret, c.Key) // encoded in the query
	}
	return store.Field(namespace, c.Secret, c.Keys()[0])
}

// perSecond divides without a rest: of 600,000 in 1 ms, whole nanoseconds between two
// requests make 1,000,000.
func perSecond(limit *routeconfig.RateLimit) rate.Limit {
	return rate.Limit(float64(limit.Requests) / time.Duration(limit.Per).Seconds())
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
	return slices.DeleteFunc([]*creds.Group{s.authority, s.client, s.secret}, func(g *creds.Group) bool { return g == nil })
}

// Close gives up idle connections. Those in use are closed when they have been
// idle.
func (s *State) Close() {
	if c, ok := s.connections.(*connections); ok {
		c.close()
	}
	if s.issuer != nil {
		s.issuer.close()
	}
}

// overloaded is the answer of a backend that has enough to do.
func overloaded() fanout.Answer {
	return fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.Overloaded, RetryAfter: time.Second}
}

// admit takes what the backend limits, or says what was lacking.
func (s *State) admit() (*reservation, fanout.Answer) {
	now := time.Now()
	r := &reservation{}
	var wait time.Duration
	var ok bool
	if r.permit, wait, ok = s.breaker.admit(now); !ok {
		return nil, fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.CircuitOpen, RetryAfter: max(wait, time.Second)}
	}
	if !s.enter(r) {
		s.breaker.report(now, r.permit, noVerdict)
		return nil, overloaded()
	}
	if wait := s.limited(now); wait > 0 {
		s.leave(r)
		s.breaker.report(now, r.permit, noVerdict)
		return nil, fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.RateLimited, RetryAfter: wait}
	}
	return r, fanout.Answer{}
}

// limited takes a token of the limit for one request, or says how long there is none.
func (s *State) limited(now time.Time) time.Duration {
	if s.limiter == nil || s.limiter.AllowN(now, 1) {
		return 0
	}
	lacking := 1 - s.limiter.TokensAt(now)
	return max(time.Duration(lacking/float64(s.limiter.Limit())*float64(time.Second)), 1)
}

// unlimit gives a token back: nothing was sent. What rate calls canceling a reservation
// returns nothing where others have reserved since.
func (s *State) unlimit() {
	if s.limiter != nil {
		s.limiter.AllowN(time.Now(), -1)
	}
}

// admits reports whether there will be a token at a time, if nobody takes one before.
func (s *State) admits(at time.Time) bool { return s.limiter == nil || s.limiter.TokensAt(at) >= 1 }

// spare takes what one request more takes beside the first one, if there is room.
func (s *State) spare(now time.Time) bool {
	if s.slots != nil && !s.slots.TryAcquire(1) {
		return false
	}
	if s.limited(now) > 0 {
		s.release()
		return false
	}
	return true
}

// release gives the slot of a request back.
func (s *State) release() {
	if s.slots != nil {
		s.slots.Release(1)
	}
}

// enter takes a slot, or a place in the queue for one.
func (s *State) enter(r *reservation) bool {
	if s.slots == nil || s.slots.TryAcquire(1) {
		return true
	}
	if s.queued.Add(1) > s.places {
		s.queued.Add(-1)
		return false
	}
	r.queued = true
	return true
}

// advance waits for the slot that a place in the queue is for.
func (s *State) advance(ctx context.Context, r *reservation) error {
	if !r.queued {
		return nil
	}
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for a slot: %w", err)
	}
	s.queued.Add(-1)
	r.queued = false
	return nil
}

// leave gives the slot or the place back.
func (s *State) leave(r *reservation) {
	if r.queued {
		s.queued.Add(-1)
		return
	}
	s.release()
}
