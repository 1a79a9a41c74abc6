package carrier

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Keeper sends requests over connections that it keeps.
type Keeper interface {
	http.RoundTripper
	// CloseIdleConnections closes what is idle, and from then on whatever becomes idle. Requests
	// go on, and new ones are still served.
	CloseIdleConnections()
}

// HTTP1 makes a Keeper that speaks HTTP/1.1, as h1.New does: Dial's connections are secured where they
// are to be. Whoever asks is told of the connection by tether.Observe.
type HTTP1 func(h1.Options) Keeper

const (
	// maxConnections bounds those to a server; requests beyond wait for one.
	maxConnections = 1024
	// idlePerBackend bounds the connections of HTTP/1.1 kept while nothing is sent on them.
	idlePerBackend = 256
	// idleTimeout bounds how long, whatever the server announces.
	idleTimeout = 60 * time.Second
	// maxResponseHeader bounds the fields of a response, in bytes.
	maxResponseHeader = 64 << 10
)

// keeper speaks what the protocol says, or what TLS agrees on.
func (o *Options) keeper() Keeper {
	address := net.JoinHostPort(o.Base.Hostname(), dial.Port(o.Base))
	plain := func(ctx context.Context) (net.Conn, error) { return o.Dialer.Dial(ctx, address) }
	switch {
	case o.Protocol == routeconfig.ProtocolH2C:
		return o.newPool(plain)
	case o.Base.Scheme != "https":
		return o.newKept(plain)
	case o.Protocol == routeconfig.ProtocolHTTP1:
		return o.newKept(func(ctx context.Context) (net.Conn, error) {
			conn, err := o.Dialer.DialTLS(ctx, address, o.Secure.offering("http/1.1"))
			if err != nil {
				return nil, err
			}
			return conn, nil
		})
	}
	return o.newNegotiated(address)
}

func (o *Options) newPool(connect func(context.Context) (net.Conn, error)) *h2.Pool {
	return h2.New(h2.Options{
		Dial: connect, MaxConnections: maxConnections, IdleTimeout: idleTimeout, MaxResponseHeader: maxResponseHeader,
		Pause: o.Dialer.Pause, Late: o.Late,
	})
}

// newKept speaks HTTP/1.1 over the connections that are made for it.
func (o *Options) newKept(connect func(context.Context) (net.Conn, error)) Keeper {
	options := h1.Options{
		Dial: connect, Pause: o.Dialer.Pause, MaxConnections: maxConnections, MaxIdle: idlePerBackend, IdleTimeout: idleTimeout, MaxResponseHeader: maxResponseHeader,
	}
	if o.HTTP1 != nil {
		return o.HTTP1(options)
	}
	return h1.New(options)
}

// negotiated speaks what TLS agrees on (ALPN, RFC 7301). That is known for each connection
// when it has been made, so each goes to the pool of its protocol, and requests to that
// of the connection made last; the first ones wait for one that the pool of HTTP/2 makes.
type negotiated struct {
	one Keeper
	two *h2.Pool

	http1 atomic.Bool // was agreed on last
	// spare is a connection of HTTP/1.1 that the other pool has made.
	spare chan net.Conn
}

const (
	// maxChanges is how often a request meets a connection of the other protocol.
	maxChanges = 8
	// spareTimeout is how long a spare connection is good for.
	spareTimeout = time.Second
)

var errOther = errors.New("TLS agreed on the other protocol")

func (o *Options) newNegotiated(address string) *negotiated {
	n := &negotiated{spare: make(chan net.Conn, 1)}
	connect := func(ctx context.Context) (conn net.Conn, http1 bool, err error) {
		secured, err := o.Dialer.DialTLS(ctx, address, o.Secure.offering("h2", "http/1.1"))
		if err != nil {
			return nil, false, err
		}
		http1 = secured.ConnectionState().NegotiatedProtocol != "h2"
		n.http1.Store(http1)
		return secured, http1, nil
	}
	n.two = o.newPool(func(ctx context.Context) (net.Conn, error) {
		conn, http1, err := connect(ctx)
		if err != nil || !http1 {
			return conn, err
		}
		n.keep(conn)
		return nil, errOther
	})
	n.one = o.newKept(func(ctx context.Context) (net.Conn, error) {
		select {
		case conn := <-n.spare:
			return conn, nil
		default:
		}
		conn, http1, err := connect(ctx)
		if err != nil || http1 {
			return conn, err
		}
		n.two.Adopt(conn)
		return nil, errOther
	})
	return n
}

// keep offers a connection to the requests that go on to the other pool.
func (n *negotiated) keep(conn net.Conn) {
	select {
	case n.spare <- conn:
		time.AfterFunc(spareTimeout, n.drop)
	default:
		_ = conn.Close()
	}
}

func (n *negotiated) drop() {
	select {
	case conn := <-n.spare:
		_ = conn.Close()
	default:
	}
}

// RoundTrip implements http.RoundTripper.
func (n *negotiated) RoundTrip(r *http.Request) (*http.Response, error) {
	for changes := 0; ; changes++ {
		pool := Keeper(n.two)
		if n.http1.Load() {
			pool = n.one
		}
		response, err := pool.RoundTrip(r)
		if changes == maxChanges || !errors.Is(err, errOther) { // nothing was sent
			return response, err // see Reason
		}
	}
}

// CloseIdleConnections implements Keeper.
func (n *negotiated) CloseIdleConnections() {
	n.one.CloseIdleConnections()
	n.two.CloseIdleConnections()
	n.drop()
}
