package backend

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// issuer is the token endpoint of a backend. The zero value is none.
type issuer struct {
	url       *url.URL
	carrier   *carrier.Carrier
	authority *creds.Derived[*x509.CertPool]   // nil for the public ones
	client    *creds.Derived[*tls.Certificate] // nil for none
}

// issue returns the source of tokens, with nothing asked for yet.
func (s *State) issue(namespace string, c *routeconfig.Credential, store *creds.Store, dialer *dial.Dialer) *creds.TokenSource {
	i := &s.issuer
	if u, err := url.Parse(c.TokenURL); err == nil { // the first request says that it is wrong
		i.url = u
	}
	if t := c.TokenTLS; t != nil && t.CASecret != "" {
		i.authority = store.Authorities(namespace, t.CASecret)
	}
	if c.Certified() {
		i.client = store.KeyPair(namespace, c.TokenTLS.ClientCertificateSecret)
	}
	i.carrier = carrier.NewIssuer(c.TokenURL, dialer, carrier.Secure(c.TokenTLS, i.authority, i.pair()), late)
	return creds.NewTokenSource(creds.TokenOptions{
		TokenURL:   c.TokenURL,
		Scopes:     c.Scopes,
		Post:       c.Post,
		Assertion:  c.Assertion,
		Certified:  c.Certified() || c.Public,
		Federated:  c.Federated,
		Exchange:   c.Exchange,
		Workload:   s.workload,
		Parameters: parameters(c.Parameters),
		Client:     s.secret,
		Transport:  repeated{i.carrier},
		Explain:    carrier.Explain,
	})
}

func parameters(list []routeconfig.NameValue) url.Values {
	values := url.Values{}
	for _, p := range list {
		values.Add(p.Name, p.Value)
	}
	return values
}

// pair is what the endpoint is shown in the handshake of a new connection, nil for nothing: a
// certificate whose Secret may be sent there.
func (i *issuer) pair() func() (*tls.Certificate, error) {
	if i.client == nil || i.url == nil {
		return nil
	}
	return func() (*tls.Certificate, error) { return i.client.ShowToken(i.url.Hostname(), dial.Port(i.url)) }
}

// forbidden says why the certificate may not be shown to the endpoint; nil where it may, and
// where there is none.
func (i *issuer) forbidden() *Refusal {
	if i.client == nil || i.url == nil {
		return nil
	}
	key, why := i.client.RefusesToken(i.url.Hostname(), dial.Port(i.url))
	return refusal(i.client, key, why)
}

func (i *issuer) close() {
	if i.carrier != nil {
		i.carrier.Close()
	}
}
