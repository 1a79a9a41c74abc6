package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// keeper sends requests over connections that it keeps.
type keeper interface {
	http.RoundTripper
	CloseIdleConnections()
}

// newKeeper speaks what the protocol says, or what TLS agrees on.
func newKeeper(base *url.URL, dialer *dial.Dialer, protocol string, secure settings) keeper {
	address := net.JoinHostPort(base.Hostname(), dial.Port(base))
	switch {
	case protocol == routeconfig.ProtocolH2C:
		return newPool(func(ctx context.Context) (net.Conn, error) { return dialer.Dial(ctx, address) })
	case base.Scheme != "https":
		return newKept(func(ctx context.Context) (net.Conn, error) { return dialer.Dial(ctx, address) })
	case protocol == routeconfig.ProtocolHTTP1:
		return newKept(func(ctx context.Context) (net.Conn, error) {
			conn, err := dialer.DialTLS(ctx, address, secure.offering("http/1.1"))
			if err != nil {
				return nil, err
			}
			return conn, nil
		})
	}
	return newNegotiated(dialer, secure, address)
}

// multiplexes reports whether several calls may share a connection.
func multiplexes(base *url.URL, protocol string) bool {
	return protocol == routeconfig.ProtocolH2C || protocol != routeconfig.ProtocolHTTP1 && base.Scheme == "https"
}

func newPool(dial func(context.Context) (net.Conn, error)) *h2.Pool {
	return h2.New(h2.Options{
		Dial: dial, MaxConnections: maxConnections, IdleTimeout: idleTimeout, MaxResponseHeader: maxResponseHeader,
		Late: late,
	})
}

// late reports whether a request that was canceled for this had taken too long.
func late(cause error) bool {
	return errors.Is(cause, fanout.ErrTimeout) || errors.Is(cause, errLost) || errors.Is(cause, context.DeadlineExceeded)
}

// newIssuer are the connections to a token endpoint.
func newIssuer(address string, dialer *dial.Dialer) *connections {
	base, err := url.Parse(address)
	if err != nil {
		base = &url.URL{} // the first request says that it is wrong
	}
	secure := tlsOptions(nil, nil, nil)
	return newConnections(base, dialer, func() keeper { return newKeeper(base, dialer, routeconfig.ProtocolAuto, secure) })
}

// repeated repeats what the server is proved to have done nothing with, for who makes no
// attempts of his own.
type repeated struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (r repeated) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	request = request.WithContext(h1.Careful(ctx))
	for n := 0; ; n++ {
		response, err := r.RoundTripper.RoundTrip(request)
		if !untouched(err) || n == maxUnprocessed || request.GetBody == nil {
			return response, err //nolint:wrapcheck // the caller wraps it
		}
		again := *request.WithContext(h1.Fresh(ctx))
		if again.Body, err = request.GetBody(); err != nil || !sleep(ctx, pause(n)) {
			return nil, fmt.Errorf("repeat: %w", errors.Join(err, ctx.Err()))
		}
		request = &again
	}
}

// untouched reports whether an error proves that the server did nothing with a request on
// the connection that it had.
func untouched(err error) bool {
	if _, ok := errors.AsType[h1.UnsentError](err); ok {
		return true
	}
	_, ok := errors.AsType[h2.UnprocessedError](err)
	return ok
}

// explain says of an error of a transport what it was, by the word for it and a cause that
// we know. What the error itself says may hold bytes of the peer.
func explain(err error) string {
	dialled, isDial := errors.AsType[*net.OpError](err)
	reason := classify(err, !isDial || dialled.Op != "dial").String()
	if cause := dial.Cause(err); cause != "" {
		return reason + " (" + cause + ")"
	}
	return reason
}

// negotiated speaks what TLS agrees on (ALPN, RFC 7301). That is known for each connection
// when it has been made, so each goes to the pool of its protocol, and calls to that of
// the connection made last; the first calls wait for one that the pool of HTTP/2 makes.
type negotiated struct {
	one *h1.Pool
	two *h2.Pool

	http1 atomic.Bool // was agreed on last
	// spare is a connection of HTTP/1.1 that the other pool has made.
	spare chan net.Conn
}

const (
	// maxChanges is how often a call meets a connection of the other protocol.
	maxChanges = 8
	// spareTimeout is how long a spare connection is good for.
	spareTimeout = time.Second
)

var errOther = errors.New("TLS agreed on the other protocol")

func newNegotiated(dialer *dial.Dialer, secure settings, address string) *negotiated {
	n := &negotiated{spare: make(chan net.Conn, 1)}
	connect := func(ctx context.Context) (conn net.Conn, http1 bool, err error) {
		secured, err := dialer.DialTLS(ctx, address, secure.offering("h2", "http/1.1"))
		if err != nil {
			return nil, false, err
		}
		http1 = secured.ConnectionState().NegotiatedProtocol != "h2"
		n.http1.Store(http1)
		return secured, http1, nil
	}
	n.two = newPool(func(ctx context.Context) (net.Conn, error) {
		conn, http1, err := connect(ctx)
		if err != nil || !http1 {
			return conn, err
		}
		n.keep(conn)
		return nil, errOther
	})
	n.one = newKept(func(ctx context.Context) (net.Conn, error) {
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

// keep offers a connection to the calls that go on to the other pool.
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
		pool := keeper(n.two)
		if n.http1.Load() {
			pool = n.one
		}
		response, err := pool.RoundTrip(r)
		if changes == maxChanges || !errors.Is(err, errOther) { // nothing was sent
			return response, err //nolint:wrapcheck // classified by the exchange
		}
	}
}

// CloseIdleConnections implements keeper.
func (n *negotiated) CloseIdleConnections() {
	n.one.CloseIdleConnections()
	n.two.CloseIdleConnections()
	n.drop()
}
