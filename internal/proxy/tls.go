package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/gate"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// errNoCertificate ends the handshakes of a route whose Secret has no pair yet.
var errNoCertificate = errors.New("the route's certificate is missing")

// asks is what a listener wants to see of its clients. What they show is verified with each
// call, so that one who shows what is no good may still be admitted by something else, and an
// authority that is taken away is gone at once.
func asks(a *routeconfig.Authentication) tls.ClientAuthType {
	if a == nil || a.Certificate == nil {
		return tls.NoClientCert
	}
	return tls.RequestClientCert
}

// shown is what the client of a connection has shown, nil for nothing. The handshake is over.
func (c *client) shown() *gate.Shown {
	if c == nil {
		return nil
	}
	c.showing.Do(func() {
		if secured, ok := c.Conn.(*tls.Conn); ok {
			if chain := secured.ConnectionState().PeerCertificates; len(chain) > 0 {
				c.certificates = &gate.Shown{Chain: chain}
			}
		}
	})
	return c.certificates
}

// showing is the TLS of a listener that shows its clients what the Secret holds. Others go
// before each handshake: it takes some 0.3 ms, with RSA several, and hundreds may be asked for
// at once.
func showing(certificate *creds.Derived[*tls.Certificate], asked tls.ClientAuthType, pass func(age uint64)) *tls.Config {
	return &tls.Config{
		ClientAuth: asked,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { // before anything is computed
			pass(bulk.First)
			return nil, nil
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := certificate.Get()
			if err != nil {
				return nil, errNoCertificate
			}
			return pair, nil
		},
	}
}

// listener makes connections TLS ones where the route of the current plan says so,
// so that turning it on or off takes no new socket.
type listener struct {
	net.Listener

	clients  *clients
	accepted int                // for the goroutine that accepts
	secure   func() *tls.Config // nil for a plain one
	// trusts reports whether a peer forwards for others.
	trusts func(netip.Addr) bool
}

// atOnce is how many connections are accepted before their requests are read: each takes
// some 50 µs for both, however short the request is.
const atOnce = 4

// Accept implements net.Listener. net/http takes what it returns for a plain
// connection, and sees by the first bytes whether it is HTTP/2.
func (l *listener) Accept() (net.Conn, error) {
	for {
		if l.accepted++; l.accepted%atOnce == 0 {
			l.clients.pass(bulk.First)
		}
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err // net/http looks at its type
		}
		address := gate.Peer(conn.RemoteAddr().String())
		if l.trusts(address) {
			address = netip.Addr{} // it is counted by whom it forwards for
		}
		if c := l.clients.accept(conn, holder(address), l.secure()); c != nil {
			return c, nil
		}
	}
}
