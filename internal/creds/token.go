package creds

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// fetchTimeout bounds a token request. It does not depend on the call that
	// happened to ask first: all others wait for the same answer.
	fetchTimeout = 10 * time.Second
	// defaultLife is how long a token is believed whose endpoint does not say, or
	// says nothing sensible.
	defaultLife = 5 * time.Minute
	// What endpoints say is believed within these: a token of no time would be asked for
	// by every call, and some say a date instead of a life.
	minLife = time.Second
	maxLife = 365 * 24 * time.Hour
	// maxMargin is how long before its end a token is renewed, at most; short-lived
	// ones are renewed after nine tenths of their life.
	maxMargin = time.Minute
	// A failure is remembered for firstPause, then twice that, up to maxPause.
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

// TokenOptions are those of a TokenSource.
type TokenOptions struct {
	TokenURL string
	Scopes   []string
	// Post sends the client's secret in the form and not in the header.
	Post bool
	// Assertion is the audience of a JWT that the client signs instead; empty for none.
	Assertion string
	// Certified says that a certificate proves who asks, or nothing does: client_id alone is sent.
	Certified bool
	// Federated sends Workload in place of the JWT of Assertion.
	Federated bool
	// Exchange says for what a token is got; nil for the client itself.
	Exchange *routeconfig.Exchange
	// Workload is the token of the service account that the proxy runs as; nil where none is sent.
	Workload   *Derived[*Snapshot]
	Parameters url.Values
	// Client is the Secret with client_id and what proves it.
	Client *Derived[*Snapshot]
	// Transport makes the token request; redirects are not followed.
	Transport http.RoundTripper
	// Explain says in a few words of our own why Transport has failed; nil for nothing more.
	Explain func(error) string
}

// TokenSource keeps one access token of the client credentials grant (RFC 6749,
// section 4.4) or of a token exchange (RFC 8693). However many callers ask at once, one request is under way.
type TokenSource struct {
	options TokenOptions
	client  *http.Client
	// host and port are the authority of the endpoint.
	host, port string

	mu      sync.Mutex
	current token
	fetch   *fetch // under way, or nil
	failed  error
	pause   time.Duration
	retryAt time.Time
	refused *Snapshot // the client for which failed holds
	// What follows is for tokens that the backend refuses, see Another.
	trial    *Trial // under way, or nil
	wait     time.Duration
	renewAt  time.Time
	renewals *rate.Limiter
}

// Token is an access token, with the Secret of the client that it was issued to, and the
// service account's token that it was got with, nil for none: it may be sent where both may.
type Token struct {
	Value

	Client, Workload *Snapshot
	// standing is what the backend thinks of it.
	standing *atomic.Int32
}

// token is a Token and its life.
type token struct {
	Token

	renewAt, endsAt time.Time
}

// fetch is a token request under way. The result may be read once done is closed.
type fetch struct {
	done  chan struct{}
	token token
	err   error
}

// NewTokenSource returns a TokenSource. It asks for nothing yet.
func NewTokenSource(o TokenOptions) *TokenSource {
	t := &TokenSource{options: o, renewals: rate.NewLimiter(rate.Every(firstPause), renewalBurst), client: &http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if u, err := url.Parse(o.TokenURL); err == nil {
		t.host, t.port = u.Hostname(), dial.Port(u)
	}
	return t
}

// Token returns a valid access token, fetching one where needed. The error is that
// of ctx, of the Secret, or of the token endpoint.
func (t *TokenSource) Token(ctx context.Context) (Token, error) {
	client, err := t.options.Client.Get()
	if err != nil {
		return Token{}, err
	}
	current, pending, err := t.lookUp(client) //nolint:contextcheck // a fetch serves all callers, and must not end with one
	if err != nil || pending == nil {
		return current.Token, err
	}
	select {
	case <-pending.done:
	case <-ctx.Done():
		return Token{}, &Fault{unanswered, context.Cause(ctx)}
	}
	if pending.err != nil && current.secret != "" {
		return current.Token, nil
	}
	return pending.token.Token, pending.err
}

// lookUp returns the token to use, and the fetch to wait for where it is not the
// best one to be had.
func (t *TokenSource) lookUp(client *Snapshot) (token, *fetch, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	usable := t.current
	if !now.Before(usable.endsAt) {
		usable = token{}
	}
	fresh := usable.secret != "" && usable.Client == client
	if fresh && now.Before(usable.renewAt) {
		return usable, nil, nil
	}
	if t.fetch == nil && t.refused == client && now.Before(t.retryAt) {
		if usable.secret == "" {
			return token{}, nil, t.failed
		}
		return usable, nil, nil
	}
	pending := t.begin(client)
	if fresh { // renewed early, in the background
		return usable, nil, nil
	}
	return usable, pending, nil
}

// begin returns the fetch that is under way, after it has begun one where there was none.
// The lock is held.
func (t *TokenSource) begin(client *Snapshot) *fetch {
	if t.fetch == nil {
		t.fetch = &fetch{done: make(chan struct{})}
		go t.run(t.fetch, client)
	}
	return t.fetch
}

// run fetches a token in a context of its own.
func (t *TokenSource) run(f *fetch, client *Snapshot) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	f.token, f.err = t.request(ctx, client)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetch = nil
	if f.err == nil {
		t.current, t.failed, t.pause, t.refused = f.token, nil, 0, nil
	} else {
		t.pause = min(max(2*t.pause, firstPause), maxPause)
		t.failed, t.refused, t.retryAt = f.err, client, time.Now().Add(t.pause)
	}
	close(f.done)
}
