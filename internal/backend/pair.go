package backend

import (
	"crypto/tls"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
)

// pair is what the backend is shown in the handshake of a new connection, nil for nothing: a
// certificate whose Secret may be sent there.
func (s *State) pair() func() (*tls.Certificate, error) {
	if s.client == nil {
		return nil
	}
	return func() (*tls.Certificate, error) { return s.client.Show(s.base.Hostname(), dial.Port(s.base)) }
}

// pairForbidden says why the certificate may not be shown to the backend; nil where it may,
// and where there is none.
func (s *State) pairForbidden() *Refusal {
	if s.client == nil {
		return nil
	}
	return refusal(s.client, creds.AllowedHosts, s.client.Refuses(s.base.Hostname(), dial.Port(s.base)))
}
