package carrier_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// file is a file in PEM.
func file(kind string, der []byte) *fstest.MapFile {
	return &fstest.MapFile{Data: pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})}
}

// A new connection is secured by what the document and its Secrets say: a Secret that is
// missing is never as good as none, and the reason is that there is no credential.
func TestConnectionsAreSecuredBySecrets(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(s *httptest.Server) {
		s.TLS.ClientAuth = tls.RequireAnyClientCert
		s.TLS.MaxVersion = tls.VersionTLS12 // where the handshake tells the client that it is refused
	}, "http/1.1")
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	store := creds.NewStore(creds.Options{Tree: fstest.MapFS{
		"shop/ca/ca.crt":    file("CERTIFICATE", pair.Certificate[0]),
		"shop/pair/tls.crt": file("CERTIFICATE", pair.Certificate[0]),
		"shop/pair/tls.key": file("PRIVATE KEY", key),

		"shop/bound/tls.crt":      file("CERTIFICATE", pair.Certificate[0]),
		"shop/bound/tls.key":      file("PRIVATE KEY", key),
		"shop/bound/allowedHosts": {Data: []byte("other.example.org")},
	}})
	for _, row := range []struct {
		name, authorities, client, server string
		want                              fanout.Reason
	}{
		{"all of it is there", "ca", "pair", "", fanout.NoReason},
		{"the certificate is for the name that is set", "ca", "pair", "example.com", fanout.NoReason},
		{"the certificate is for another name", "ca", "pair", "other.example.org", fanout.TLS},
		{"public authorities do not know it", "", "pair", "", fanout.TLS},
		{"the Secret of authorities is missing", "none", "pair", "", fanout.Credential},
		{"it is shown no certificate", "ca", "", "", fanout.TLS},
		{"the Secret of the certificate is missing", "ca", "none", "", fanout.Credential},
		{"the certificate is for others to see", "ca", "bound", "", fanout.Credential},
	} {
		var authorities *creds.Derived[*x509.CertPool]
		var client func() (*tls.Certificate, error)
		if row.authorities != "" {
			authorities = store.Authorities("shop", row.authorities)
		}
		if row.client != "" {
			client = func() (*tls.Certificate, error) { return store.KeyPair("shop", row.client).Show("example.com", "443") }
		}
		secure := carrier.Secure(&routeconfig.TLS{ServerName: row.server}, authorities, client)
		for _, protocol := range []string{routeconfig.ProtocolAuto, routeconfig.ProtocolHTTP1} {
			reason := fanout.NoReason
			if _, err := get(t.Context(), newCarrier(t, s.Listener.Addr().String(), protocol, secure)); err != nil {
				reason = carrier.Reason(err, false)
			}
			if reason != row.want {
				t.Errorf("%s, %s: %q, want %q", row.name, protocol, reason, row.want)
			}
		}
	}
}
