package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/netguard"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// maxConnections bounds those to a backend; calls beyond wait for one.
	maxConnections = 1024
	// idlePerBackend bounds the connections of HTTP/1.1 kept while nothing is sent on them.
	idlePerBackend = 256
	// idleTimeout bounds how long, whatever the backend announces.
	idleTimeout = 60 * time.Second
	// maxResponseHeader bounds the fields of a response, in bytes.
	maxResponseHeader = 64 << 10
	dialTimeout       = 30 * time.Second
	handshakeTimeout  = 10 * time.Second
)

// Dialer says how connections are made.
type Dialer struct {
	Guard *netguard.Guard
	// Resolve replaces host:port of a URL by another one, which is dialled as it is.
	Resolve map[string]string
	// ClusterDomain is what hosts that end in .svc are completed with; empty for nothing.
	ClusterDomain string
	// Resolver looks names up; nil for the machine's.
	Resolver *net.Resolver
	// LookupEvery is how often a name in use is looked up again; 0 for every 30 s.
	LookupEvery time.Duration
	// Pacer lets what is short go before large responses; nil for nobody.
	Pacer *bulk.Pacer
}

func (d Dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.Pacer.Pass()
	dialer := net.Dialer{Timeout: dialTimeout, Control: d.Guard.Control, Resolver: d.Resolver}
	conn, err := dialer.DialContext(ctx, network, d.place(address))
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return d.Pacer.Conn(conn), nil
}

// newKept speaks HTTP/1.1 over the connections that are made for it.
func newKept(connect func(context.Context) (net.Conn, error)) *h1.Pool {
	return h1.New(h1.Options{
		Dial: connect, MaxConnections: maxConnections, MaxIdle: idlePerBackend, IdleTimeout: idleTimeout, MaxResponseHeader: maxResponseHeader,
	})
}

// handshakeError says that a connection was made, but not secured.
type handshakeError struct{ error }

// Unwrap returns the cause.
func (e handshakeError) Unwrap() error { return e.error }

func dialTLS(
	ctx context.Context, dial Dialer, secure func() (*tls.Config, error), alpn []string, network, address string,
) (*tls.Conn, error) {
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
	config.NextProtos = alpn
	secured := tls.Client(conn, config)
	// A dial goes on when its call has ended.
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, handshakeError{fmt.Errorf("handshake: %w", err)}
	}
	return secured, nil
}

// tlsOptions returns what each new connection asks for its settings, so that what is
// rotated holds from the next connection on.
func tlsOptions(config *routeconfig.TLS, authority, client *creds.Group) func() (*tls.Config, error) {
	name := ""
	if config != nil {
		name = config.ServerName
	}
	pools, pairs := &parsed[*x509.CertPool]{group: authority, parse: (*creds.Snapshot).Pool}, &parsed[*tls.Certificate]{group: client, parse: (*creds.Snapshot).KeyPair}
	return func() (*tls.Config, error) {
		out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}
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
