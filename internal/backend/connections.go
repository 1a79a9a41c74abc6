package backend

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
)

// connections are those to a backend. A connection that is always in use would hold on
// to an address for ever, so its name is looked up again now and then, and where the
// addresses have changed all that is idle is given up, and new calls take new ones.
type connections struct {
	dialer *dial.Dialer
	host   string // whose addresses are looked up again; empty for none
	every  time.Duration
	make   func() keeper

	current atomic.Pointer[keeper]
	begun   time.Time
	looked  atomic.Int64 // when, in nanoseconds since begun
	lookups sync.WaitGroup
	closing context.Context //nolint:containedctx // of lookups, which no call waits for
	cancel  context.CancelFunc

	mu        sync.Mutex
	addresses []netip.Addr
	old       []keeper // with connections that may still be in use
}

func newConnections(base *url.URL, dialer *dial.Dialer, create func() keeper) *connections {
	c := &connections{make: create, dialer: dialer, every: dialer.LookupEvery(), begun: time.Now()}
	c.looked.Store(-int64(c.every)) // the first call looks up what the next ones compare with
	c.closing, c.cancel = context.WithCancel(context.Background())
	c.current.Store(new(create()))
	if dialer.Moves(base.Hostname()) {
		c.host = base.Hostname()
	}
	return c
}

// RoundTrip implements http.RoundTripper.
func (c *connections) RoundTrip(r *http.Request) (*http.Response, error) {
	c.refresh(time.Now())
	return (*c.current.Load()).RoundTrip(r) //nolint:wrapcheck // classified by the exchange
}

// refresh begins a lookup where it is time for one. No call waits for it.
func (c *connections) refresh(now time.Time) {
	last, passed := c.looked.Load(), int64(now.Sub(c.begun))
	if c.host == "" || passed-last < int64(c.every) || !c.looked.CompareAndSwap(last, passed) {
		return
	}
	if c.closing.Err() != nil {
		return
	}
	c.lookups.Go(c.lookup)
}

func (c *connections) lookup() {
	found, err := c.dialer.Lookup(c.closing, c.host)
	if err != nil {
		return // the connections that there are may well go on
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.old {
		t.CloseIdleConnections() // of calls that have ended since
	}
	if first := c.addresses == nil; first || slices.Equal(found, c.addresses) {
		if first {
			c.addresses = found
		}
		return
	}
	c.addresses = found
	before := *c.current.Swap(new(c.make()))
	before.CloseIdleConnections()
	// What is in use now is idle by the next lookup, or the one after.
	c.old = append(c.old[max(0, len(c.old)-3):], before)
}

// close gives up what is idle. Calls under way go on.
func (c *connections) close() {
	c.cancel()
	c.lookups.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range append(c.old, *c.current.Load()) {
		t.CloseIdleConnections()
	}
}
