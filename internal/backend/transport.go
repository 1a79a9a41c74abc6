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

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
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
)

// newKept speaks HTTP/1.1 over the connections that are made for it.
func newKept(connect func(context.Context) (net.Conn, error)) *h1.Pool {
	return h1.New(h1.Options{
		Dial: connect, MaxConnections: maxConnections, MaxIdle: idlePerBackend, IdleTimeout: idleTimeout, MaxResponseHeader: maxResponseHeader,
	})
}

// settings are what a new connection is secured with, but for the protocols that it offers.
type settings func() (*tls.Config, error)

// offering adds protocols, the best first (ALPN, RFC 7301).
func (s settings) offering(protocols ...string) settings {
	return func() (*tls.Config, error) {
		config, err := s()
		if err == nil {
			config.NextProtos = protocols
		}
		return config, err
	}
}

// tlsOptions returns what each new connection asks for its settings, so that what is
// rotated holds from the next connection on.
func tlsOptions(config *routeconfig.TLS, authority, client *creds.Group) settings {
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

// classify turns an error of a transport into a reason. connected says that the
// exchange had a connection.
func classify(err error, connected bool) fanout.Reason {
	if _, ok := errors.AsType[*dial.ForbiddenError](err); ok {
		return fanout.ForbiddenAddress
	}
	if errors.Is(err, creds.ErrMissing) {
		return fanout.Credential
	}
	if _, ok := errors.AsType[dial.HandshakeError](err); ok {
		return fanout.TLS
	}
	if !connected {
		return fanout.Connect
	}
	return fanout.Reset
}
