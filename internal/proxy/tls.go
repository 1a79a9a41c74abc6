package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/gate"
)

// certificate is what a route shows its clients. It follows its Secret, whose group keeps
// the last pair that fits together.
type certificate struct {
	group *creds.Group
	last  atomic.Pointer[keyPair]
}

// keyPair is a parsed snapshot of the Secret.
type keyPair struct {
	from *creds.Snapshot
	pair *tls.Certificate
}

// current parses the Secret where it is another one than the last time; nil where there
// never was a pair.
func (c *certificate) current() *tls.Certificate {
	s, err := c.group.Snapshot()
	if err != nil {
		return nil
	}
	if last := c.last.Load(); last != nil && last.from == s {
		return last.pair
	}
	pair, err := s.KeyPair()
	if err != nil {
		return nil // the group has none that does not fit
	}
	c.last.Store(&keyPair{from: s, pair: pair})
	return pair
}

// errNoCertificate ends the handshakes of a route whose Secret has no pair yet.
var errNoCertificate = errors.New("the route's certificate is missing")

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if pair := c.current(); pair != nil {
				return pair, nil
			}
			return nil, errNoCertificate
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
			l.clients.queue.Pass(bulk.First)
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
