package backend

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/outgoing"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// credential shows a backend who calls. It replaces whatever the caller sent in
// its place. A nil credential is always ready.
type credential struct {
	routeconfig.Credential

	values *creds.Derived[*creds.Snapshot]
	// workload is the service account's token where it is shown to a token endpoint; nil where
	// it is not, and where it is the values.
	workload *creds.Derived[*creds.Snapshot]
	tokens   *creds.TokenSource
	signer   signer // nil for none
	// base and issuer have the authorities that the Secret, or a token got with it, is sent
	// to: that which is dialled, and the token endpoint, nil for none.
	base, issuer *url.URL
}

func newCredential(config *routeconfig.Credential, state *State, base *url.URL) *credential {
	if config == nil {
		return nil
	}
	c := &credential{Credential: *config, values: state.secret, tokens: state.tokens, base: base}
	if state.workload != state.secret {
		c.workload = state.workload
	}
	c.Header = http.CanonicalHeaderKey(c.Header)
	c.signer = newSigner(config)
	if token, err := url.Parse(c.TokenURL); err == nil && c.TokenURL != "" {
		c.issuer = token
	}
	return c
}

const authorization = "Authorization"

// ready returns an error where the Secret is not there, or may not be sent to the backend
// under a Host; empty for the backend's own. It may have changed when an attempt is sent,
// see show.
func (c *credential) ready(host string) error {
	if c == nil {
		return nil
	}
	_, err := c.current(host)
	return err
}

// current is the Secret as it is now, where it may be sent to the backend under a Host.
func (c *credential) current(host string) (*creds.Snapshot, error) {
	secret, err := c.values.Get()
	if err != nil {
		return nil, err // it is a Fault, which says all
	}
	if err := c.allowed(c.values, secret, host); err != nil || c.workload == nil {
		return secret, err
	}
	token, err := c.workload.Get()
	if err != nil {
		return nil, err
	}
	return secret, c.allowed(c.workload, token, host)
}

// allowed says whether what was made of an object, or a token that was got with it, may be
// sent. It asks for the Host too: behind one address it picks who gets the request.
func (c *credential) allowed(of *creds.Derived[*creds.Snapshot], values *creds.Snapshot, host string) error {
	if fault := of.Forbids(values, c.base.Hostname(), dial.Port(c.base)); fault != nil {
		return fault
	}
	if c.issuer != nil {
		if fault := of.ForbidsToken(values, c.issuer.Hostname(), dial.Port(c.issuer)); fault != nil {
			return fault
		}
	}
	seen := &url.URL{Scheme: c.base.Scheme, Host: host}
	if host == "" || values.Allows(seen.Hostname(), dial.Port(seen)) {
		return nil
	}
	kind, name := of.Object()
	return &creds.Fault{Text: fmt.Sprintf("%s %q: %s does not cover the Host that is sent", kind, name, creds.AllowedHosts), Kind: creds.ErrForbidden}
}

// Refusal is why a Secret, or a service account's token, may not be sent where every call
// would send it. Key is the one of the Secret that says so.
type Refusal struct {
	Kind           routeconfig.Kind
	Name, Key, Why string
}

// refusal is nil where there is no why.
func refusal(of creds.Source, key, why string) *Refusal {
	if why == "" {
		return nil
	}
	kind, name := of.Object()
	return &Refusal{kind, name, key, why}
}

// forbidden is nil where the Secret may be sent under this Host or the backend's own, and
// where there is none.
func (c *credential) forbidden(host string) *Refusal {
	if c == nil {
		return nil
	}
	return c.refuses(c.values, host)
}

// workloadForbidden is forbidden for the service account's token that is shown to the token
// endpoint, since the backend gets what is got with it.
func (c *credential) workloadForbidden(host string) *Refusal {
	if c == nil || c.workload == nil {
		return nil
	}
	return c.refuses(c.workload, host)
}

func (c *credential) refuses(of *creds.Derived[*creds.Snapshot], host string) *Refusal {
	s, err := of.Get()
	if err != nil {
		return nil // told as missing
	}
	receivers := []*url.URL{c.base}
	if host != "" {
		receivers = append(receivers, &url.URL{Scheme: c.base.Scheme, Host: host})
	}
	for _, u := range receivers {
		if why := s.Forbids(u.Hostname(), dial.Port(u)); why != "" {
			return refusal(of, creds.AllowedHosts, why)
		}
	}
	if c.issuer == nil {
		return nil
	}
	key, why := s.ForbidsToken(c.issuer.Hostname(), dial.Port(c.issuer))
	return refusal(of, key, why)
}

// show adds the credential to one attempt, unless the very value that would be sent may not
// go there. The token is that of OAuth 2.0, if any. Signatures are made by sign.
func (c *credential) show(ctx context.Context, attempt *http.Request) (token creds.Token, err error) {
	if c == nil || c.signer != nil {
		return token, nil
	}
	if c.Type == routeconfig.CredentialOAuth2 {
		if token, err = c.tokens.Token(ctx); err != nil {
			return token, fmt.Errorf("show credential: %w", err)
		}
	}
	secret, err := c.current(attempt.Host) // now: a token may have taken its time
	if err == nil && token.Client != nil {
		err = c.allowed(c.values, token.Client, attempt.Host)
	}
	if err == nil && c.workload != nil && token.Workload != nil {
		err = c.allowed(c.workload, token.Workload, attempt.Host)
	}
	if err != nil {
		return creds.Token{}, fmt.Errorf("show credential: %w", err)
	}
	switch c.Type {
	case routeconfig.CredentialOAuth2:
		outgoing.ShowField(attempt, authorization, "Bearer "+token.Reveal())
	case routeconfig.CredentialBearer, routeconfig.CredentialWorkloadIdentity:
		outgoing.ShowField(attempt, authorization, "Bearer "+secret.Value("token").Reveal())
	case routeconfig.CredentialBasic:
		pair := secret.Value("username").Reveal() + ":" + secret.Value("password").Reveal()
		outgoing.ShowField(attempt, authorization, "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	case routeconfig.CredentialAPIKey:
		c.showKey(attempt, secret.Value(c.Key).Reveal())
	}
	return token, nil
}

func (c *credential) showKey(attempt *http.Request, key string) {
	if c.Header != "" {
		outgoing.ShowField(attempt, c.Header, key)
		return
	}
	outgoing.ShowParameter(attempt, c.Query, key)
}
