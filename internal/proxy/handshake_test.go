package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
)

// Others go before a handshake, and that before anything was computed for it: there is no
// certificate yet.
func TestOthersGoBeforeAHandshake(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	defer func() { _ = client.Close() }()
	go func() { _ = tls.Client(client, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()) }()
	passed := 0
	config := showing(new(creds.Derived[*tls.Certificate]), tls.NoClientCert, func(uint64) { passed++ })
	if err := tls.Server(server, config).HandshakeContext(t.Context()); !errors.Is(err, errNoCertificate) {
		t.Errorf("the handshake: %v, want %v", err, errNoCertificate)
	}
	if passed != 1 {
		t.Errorf("others had their turn %d times, want once", passed)
	}
}
