package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/netguard"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// idlePerBackend bounds the connections kept while nothing is sent on them.
	idlePerBackend = 256
	idleTimeout    = 60 * time.Second
	// maxResponseHeader bounds the fields of a response, in bytes.
	maxResponseHeader = 64 << 10
	dialTimeout       = 30 * time.Second
)

// Dialer says how connections are made.
type Dialer struct {
	Guard *netguard.Guard
	// Resolve replaces host:port of a URL by another one.
	Resolve map[string]string
}

func (d Dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if other, ok := d.Resolve[address]; ok {
		address = other
	}
	dialer := net.Dialer{Timeout: dialTimeout, Control: d.Guard.Control}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return &countedConn{Conn: conn}, nil
}

// countedConn counts the bytes written. A write counts before it begins, so that
// a count unchanged proves that nothing left.
type countedConn struct {
	net.Conn

	written atomic.Int64
}

// Write implements net.Conn.
func (c *countedConn) Write(b []byte) (int, error) {
	c.written.Add(int64(len(b)))
	return c.Conn.Write(b) //nolint:wrapcheck // net/http asks for the kind
}

// newTransport speaks HTTP/1.1 to whatever the dialer reaches. No proxy of the
// environment is used, redirects are the caller's business, nothing is decoded.
func newTransport(dial Dialer, secure func() (*tls.Config, error)) *http.Transport {
	return &http.Transport{
		DialContext: dial.dial,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialTLS(ctx, dial, secure, network, address)
		},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerBackend,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}

// handshakeError says that a connection was made, but not secured.
type handshakeError struct{ error }

// Unwrap returns the cause.
func (e handshakeError) Unwrap() error { return e.error }

func dialTLS(
	ctx context.Context, dial Dialer, secure func() (*tls.Config, error), network, address string,
) (net.Conn, error) {
	conn, err := dial.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config, err := secure()
	if err != nil {
		_ = conn.Close()
		return nil, handshakeError{err}
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, handshakeError{fmt.Errorf("handshake: %w", err)}
	}
	// The outer count is that of the bytes of the exchange.
	return &countedConn{Conn: secured}, nil
}

// tlsOptions returns what each new connection asks for its settings, so that a
// rotated authority holds from the next connection on.
func tlsOptions(config *routeconfig.TLS, authority *creds.Group) func() (*tls.Config, error) {
	name := ""
	if config != nil {
		name = config.ServerName
	}
	if authority == nil {
		return func() (*tls.Config, error) {
			return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}, nil
		}
	}
	pools := &poolCache{group: authority}
	return func() (*tls.Config, error) {
		pool, err := pools.get()
		if err != nil {
			return nil, err
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, RootCAs: pool}, nil
	}
}

// poolCache parses the authorities once for each value of the Secret.
type poolCache struct {
	group *creds.Group

	mu   sync.Mutex
	of   *creds.Snapshot
	pool *x509.CertPool
}

func (p *poolCache) get() (*x509.CertPool, error) {
	secret, err := p.group.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == secret {
		return p.pool, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(secret.Value("ca.crt").Reveal())) {
		return nil, fmt.Errorf("read authorities: secret %q has no certificate in ca.crt", p.group.Secret)
	}
	p.of, p.pool = secret, pool
	return pool, nil
}

// classify turns an error of a transport into a reason. connected says that the
// exchange had a connection.
func classify(err error, connected bool) fanout.Reason {
	if _, ok := errors.AsType[*netguard.ForbiddenError](err); ok {
		return fanout.ForbiddenAddress
	}
	if errors.Is(err, creds.ErrMissing) {
		return fanout.Credential
	}
	if _, ok := errors.AsType[handshakeError](err); ok {
		return fanout.TLS
	}
	if !connected {
		return fanout.Connect
	}
	return fanout.Reset
}
