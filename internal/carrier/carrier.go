// Package carrier carries requests to one server and responses back: over connections that
// it keeps, in the protocol that is set or that TLS agrees on, to the addresses that the
// server's name has now. It repeats nothing.
package carrier

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Options are those of a Carrier.
type Options struct {
	// Base has the scheme and the authority of the server.
	Base   *url.URL
	Dialer *dial.Dialer
	// Protocol is the document's word for it.
	Protocol string
	// Secure is asked for the settings of each new connection with TLS.
	Secure Settings
	// HTTP1 makes what speaks HTTP/1.1. Default: package h1.
	HTTP1 HTTP1
	// Late reports whether the cause for which a request was canceled is that it took too
	// long: see h2.Options.
	Late func(cause error) bool
}

// Carrier has the connections to one server. A connection that is always in use would hold
// on to an address for ever, so the server's name is looked up again now and then, and where
// the addresses have changed all that is idle is given up, and new requests take new ones.
// It implements http.RoundTripper, and is safe for concurrent use.
type Carrier struct {
	options Options
	host    string // whose addresses are looked up again; empty for none
	every   time.Duration

	current atomic.Pointer[Keeper]
	begun   time.Time
	looked  atomic.Int64 // when, in nanoseconds since begun
	lookups sync.WaitGroup
	closing context.Context // of lookups, which no request waits for
	cancel  context.CancelFunc

	mu        sync.Mutex
	addresses []netip.Addr
}

// New returns a Carrier without connections.
func New(o Options) *Carrier {
	c := &Carrier{options: o, every: o.Dialer.LookupEvery(), begun: time.Now()}
	c.looked.Store(-int64(c.every)) // the first request looks up what the next ones compare with
	c.closing, c.cancel = context.WithCancel(context.Background())
	c.current.Store(new(o.keeper()))
	if o.Dialer.Moves(o.Base.Hostname()) {
		c.host = o.Base.Hostname()
	}
	return c
}

// NewIssuer returns that to a token endpoint.
func NewIssuer(address string, dialer *dial.Dialer, secure Settings, late func(cause error) bool) *Carrier {
	base, err := url.Parse(address)
	if err != nil {
		base = &url.URL{} // the first request says that it is wrong
	}
	return New(Options{Base: base, Dialer: dialer, Protocol: routeconfig.ProtocolAuto, Secure: secure, Late: late})
}

// Multiplexed reports whether several requests may share a connection.
func (c *Carrier) Multiplexed() bool {
	o := &c.options
	return o.Protocol == routeconfig.ProtocolH2C || o.Protocol != routeconfig.ProtocolHTTP1 && o.Base.Scheme == "https"
}

// RoundTrip implements http.RoundTripper.
func (c *Carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	c.refresh(time.Now())
	return (*c.current.Load()).RoundTrip(r) // see Reason
}

// refresh begins a lookup where it is time for one. No request waits for it.
func (c *Carrier) refresh(now time.Time) {
	last, passed := c.looked.Load(), int64(now.Sub(c.begun))
	if c.host == "" || passed-last < int64(c.every) || !c.looked.CompareAndSwap(last, passed) {
		return
	}
	if c.closing.Err() != nil {
		return
	}
	c.lookups.Go(c.lookup)
}

func (c *Carrier) lookup() {
	found, err := c.options.Dialer.Lookup(c.closing, c.host)
	if err != nil {
		return // the connections that there are may well go on
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.addresses == nil; first || slices.Equal(found, c.addresses) {
		if first {
			c.addresses = found
		}
		return
	}
	c.addresses = found
	before := *c.current.Swap(new(c.options.keeper()))
	before.CloseIdleConnections()
}

// Close gives up what is idle. Requests under way go on.
func (c *Carrier) Close() {
	c.cancel()
	c.lookups.Wait()
	(*c.current.Load()).CloseIdleConnections()
}
