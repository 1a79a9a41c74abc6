package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// span is how long clients that abuse a listener go on.
const span = 5 * time.Second

// abuses are what a client or a backend may send that is not meant well: made here, by tables
// and a seed, for the proxy that this program starts and in a network that nobody else is in.
func abuses(seed uint64) ([]*trial, error) {
	pair, pool, err := certificate()
	if err != nil {
		return nil, err
	}
	a := &abuse{seed: seed, pair: pair, secure: &tls.Config{RootCAs: pool, ServerName: listenerName, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}}
	var list []*trial
	for _, part := range [](func() ([]*trial, error)){a.frames, a.heads, a.bodies, a.codings, a.callers, a.servers, a.servers1} {
		trials, err := part()
		if err != nil {
			return nil, err
		}
		list = append(list, trials...)
	}
	return list, nil
}

// abuse is what its trials share.
type abuse struct {
	seed   uint64
	pair   map[string]string // of the listener
	secure *tls.Config       // of its clients
}

// plain are clients over TLS that speak HTTP/1.1.
func (a *abuse) plain() *tls.Config {
	config := a.secure.Clone()
	config.NextProtos = []string{"http/1.1"}
	return config
}

// overTLS gives the loaded route a listener with TLS.
func (a *abuse) overTLS(t *trial) *trial {
	if t.secrets == nil {
		t.secrets = map[string]map[string]string{}
	}
	t.secrets["tls"] = a.pair
	modify := t.modify
	t.modify = func(r *routeconfig.Route) {
		r.Listener.TLSSecret = "tls"
		if modify != nil {
			modify(r)
		}
	}
	return t
}

// crowding are connections that all do the same for a span, each again once it has ended.
type crowding struct {
	connections int
	secure      *tls.Config // nil for a plain connection
	// talk goes on until the connection ends. The number is that of the client.
	talk func(ctx context.Context, conn net.Conn, client int) error
	// deaf says that nobody reads what comes.
	deaf bool
	// rest is before each comes again.
	rest time.Duration
}

// load implements trial.load.
func (c *crowding) load(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var clients sync.WaitGroup
	var begun, sent atomic.Int64
	for i := range c.connections {
		clients.Go(func() {
			for ctx.Err() == nil {
				if c.connect(ctx, address, i, &sent) == nil {
					begun.Add(1)
				}
				select {
				case <-ctx.Done():
				case <-time.After(max(c.rest, 10*time.Millisecond)):
				}
			}
		})
	}
	clients.Wait()
	fmt.Printf("memory: %d clients: %d connections, %d MiB sent\n", c.connections, begun.Load(), sent.Load()>>20)
	if begun.Load() == 0 {
		return errors.New("no client got a connection")
	}
	return nil
}

// connect is one connection from its beginning to its end. Its error is that there was none.
func (c *crowding) connect(ctx context.Context, address string, client int, sent *atomic.Int64) error {
	conn, err := dialer(loadAddress).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	conn = &counted{conn, sent}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if c.secure != nil {
		secured := tls.Client(conn, c.secure)
		if err := secured.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("secure: %w", err)
		}
		conn = secured
	}
	if !c.deaf {
		go func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }()
	}
	_ = c.talk(ctx, conn, client) // it ends as it ends
	return nil
}

// counted counts what is written.
type counted struct {
	net.Conn

	sent *atomic.Int64
}

// Write implements net.Conn.
func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err // the caller's to tell
}

// over writes the same again and again, until the connection ends.
func over(piece []byte) func(context.Context, net.Conn, int) error {
	return func(ctx context.Context, conn net.Conn, _ int) error {
		for ctx.Err() == nil {
			if _, err := conn.Write(piece); err != nil {
				return err // it has ended
			}
		}
		return nil
	}
}

// known has the authority's pool.
func known(der []byte) (*x509.CertPool, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool, nil
}
