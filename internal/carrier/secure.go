package carrier

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

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
// Pair is asked for the certificate that the server is shown; nil for none.
func Secure(config *routeconfig.TLS, authorities *creds.Derived[*x509.CertPool], pair func() (*tls.Certificate, error)) Settings {
	name := ""
	if config != nil {
		name = config.ServerName
	}
	return func() (*tls.Config, error) {
		out := &tls.Config{ServerName: name} // the dialer sets the least version
		var err error
		if authorities != nil {
			if out.RootCAs, err = authorities.Get(); err != nil {
				return nil, fmt.Errorf("read authorities: %w", err)
			}
		}
		if pair != nil {
			shown, err := pair()
			if err != nil {
				return nil, fmt.Errorf("read client certificate: %w", err)
			}
			out.Certificates = []tls.Certificate{*shown}
		}
		return out, nil
	}
}
