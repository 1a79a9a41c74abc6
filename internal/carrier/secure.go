package carrier

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Settings are what a new connection is secured with, but for the protocols that it offers.
type Settings func() (*tls.Config, error)

// offering adds protocols, the best first (ALPN, RFC 7301).
func (s Settings) offering(protocols ...string) Settings {
	return func() (*tls.Config, error) {
		config, err := s()
		if err == nil {
			config.NextProtos = protocols
		}
		return config, err
	}
}

// Secure returns the settings that a document and its Secrets make; without these, a public
// authority is asked for. What is rotated holds from the next connection on.
func Secure(config *routeconfig.TLS, authority, client *creds.Group) Settings {
	name := ""
	if config != nil {
		name = config.ServerName
	}
	pools, pairs := &parsed[*x509.CertPool]{group: authority, parse: (*creds.Snapshot).Pool}, &parsed[*tls.Certificate]{group: client, parse: (*creds.Snapshot).KeyPair}
	return func() (*tls.Config, error) {
		out := &tls.Config{ServerName: name} //nolint:gosec // the dialer sets the least version
		var err error
		if authority != nil {
			if out.RootCAs, err = pools.get(); err != nil {
				return nil, err
			}
		}
		if client != nil {
			pair, err := pairs.get()
			if err != nil {
				return nil, err
			}
			out.Certificates = []tls.Certificate{*pair}
		}
		return out, nil
	}
}

// parsed keeps what was made of a Secret, once for each value of it.
type parsed[T any] struct {
	group *creds.Group
	parse func(*creds.Snapshot) (T, error)

	mu    sync.Mutex
	of    *creds.Snapshot
	value T
}

func (p *parsed[T]) get() (value T, err error) {
	secret, err := p.group.Snapshot()
	if err != nil {
		return value, fmt.Errorf("read for tls: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == secret {
		return p.value, nil
	}
	if value, err = p.parse(secret); err != nil {
		return value, fmt.Errorf("read secret %q: %w", p.group.Secret, err)
	}
	p.of, p.value = secret, value
	return value, nil
}
