package proxy

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/gate"
)

// clients are the connections of all clients: at most max of them, and while there are
// as many, at most half of them from one address that is not alone in wanting some. A
// connection that was answered for the last time is closed for a new one, or else one that
// waits for its client's next request, or one whose request is slow to come. It is safe for
// concurrent use.
type clients struct {
	max int
	// patience is how long a request may take to come before its connection gives way.
	patience time.Duration
	began    time.Time
	pass     func(age uint64) // lets others go first: bulk.Queue.Pass

	mu   sync.Mutex
	open map[*client]struct{}
	// ended are those of them that stay until their clients have read the last response; who
	// has had longest for it is the first.
	ended list.List
	by    map[netip.Addr]int // connections, or calls of trusted peers, by address
	// wanting was refused last, at refused.
	wanting netip.Addr
	refused time.Time

	refusals, closed atomic.Uint64
}

func newClients(limit int, patience time.Duration) *clients {
	return &clients{max: limit, pass: (*bulk.Queue)(nil).Pass, patience: patience, began: time.Now(), open: map[*client]struct{}{}, by: map[netip.Addr]int{}}
}

// holder is the address by which a client is counted. Whoever is on loopback is the host
// itself, or speaks for many.
func holder(addr netip.Addr) netip.Addr {
	if !addr.IsValid() || addr.IsLoopback() {
		return netip.Addr{}
	}
	return gate.Network(addr)
}

// accept takes a connection in, or closes it and returns nil. Where address is not
// valid, it has no share. Where secure is nil, it is a plain one.
func (c *clients) accept(conn net.Conn, address netip.Addr, secure *tls.Config) *client {
	fresh := &client{Conn: conn, raw: conn, clients: c, address: address}
	fresh.wait()
	if fresh.socket = newSocket(conn); fresh.socket != nil {
		fresh.Conn = fresh.socket
	}
	if secure != nil {
		fresh.Conn = tls.Server(fresh.Conn, secure)
	}
	c.mu.Lock()
	room := c.room(address)
	if room {
		c.open[fresh] = struct{}{}
		c.count(address, 1)
	}
	c.mu.Unlock()
	if room {
		return fresh
	}
	c.refusals.Add(1)
	_ = conn.Close()
	return nil
}

// room makes sure that there is room for one more of an address.
func (c *clients) room(address netip.Addr) bool {
	now := time.Now()
	over := address.IsValid() && c.by[address] >= c.share()
	if over && c.wanting != address && now.Sub(c.refused) < shareBinds {
		return false
	}
	if len(c.open) < c.max {
		return true
	}
	v := c.answered(address, over)
	if v == nil {
		v = c.victim(address, over)
	}
	if v != nil {
		c.closed.Add(1)
		c.drop(v)
		_ = v.raw.Close()
		return true
	}
	if !over {
		c.wanting, c.refused = address, now
	}
	return false
}

// shareBinds is how long after a refusal nobody else may have more than a share. It is
// as long as the head of a request may take.
const shareBinds = headTimeout

func (c *clients) share() int { return (c.max + 1) / 2 }

// answered is the connection whose client has had longest to read its last response.
func (c *clients) answered(address netip.Addr, over bool) *client {
	for place := c.ended.Front(); place != nil; place = place.Next() {
		if v, _ := place.Value.(*client); !over || v.address == address {
			return v
		}
	}
	return nil
}

// victim is the connection that makes room for another one of an address: one that
// holds no call and is of an address beyond its share, or else the one that has been
// idle for longest, or has had no whole request for longest. Who is beyond its own share
// gets but its own.
func (c *clients) victim(address netip.Addr, over bool) *client {
	var idle, slow *client
	late := time.Since(c.began) - c.patience
	for v := range c.open {
		if v.calls.Load() > 0 || over && v.address != address {
			continue
		}
		switch {
		case v.address.IsValid() && v.address != address && c.by[v.address] > c.share():
			return v
		case v.whole.Load():
		case v.idle.Load():
			idle = earlier(idle, v)
		case time.Duration(v.waits.Load()) <= late:
			slow = earlier(slow, v)
		}
	}
	if idle != nil {
		return idle
	}
	return slow
}

func earlier(a, b *client) *client {
	if a == nil || b.waits.Load() < a.waits.Load() {
		return b
	}
	return a
}

func (c *clients) drop(v *client) {
	if _, known := c.open[v]; known {
		delete(c.open, v)
		if v.end != nil {
			c.ended.Remove(v.end)
		}
		c.count(v.address, -1)
	}
}

// finish says that the last response of a connection is written.
func (c *clients) finish(v *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.open[v]; known && v.end == nil {
		v.end = c.ended.PushBack(v)
	}
}

func (c *clients) count(address netip.Addr, n int) {
	if !address.IsValid() {
		return
	}
	if c.by[address] += n; c.by[address] <= 0 {
		delete(c.by, address)
	}
}

// forwarded counts a call that a trusted peer forwards by the address that it names,
// until done is called; ok is false where that address has its share already and
// another one was refused.
func (c *clients) forwarded(address netip.Addr) (done func(), ok bool) {
	if !address.IsValid() {
		return func() {}, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[address] >= c.share() && c.wanting != address && time.Since(c.refused) < shareBinds {
		c.refusals.Add(1)
		return nil, false
	}
	c.count(address, 1)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.count(address, -1)
	}, true
}

// now is how many connections there are.
func (c *clients) now() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// turn lets others go first now and then: a client that sends requests ahead would otherwise
// be served without a pause. One that waits for its responses pauses by itself. A request
// has taken so long, from its first byte to its response.
func (c *clients) turn(v *client, took time.Duration) {
	if v.waited {
		v.waited = false
		v.flow.spent, v.run = 0, 0
		return
	}
	if v.flow.spent += max(perRequest, int(took/perSpan)); v.flow.over() {
		c.pass(bulk.First)
	}
}

// changed follows the states of a connection, as http.Server tells them.
func (c *clients) changed(conn net.Conn, state http.ConnState) {
	v, ok := conn.(*client)
	if !ok {
		return
	}
	if state == http.StateIdle {
		if !v.head.binary.Load() { // whose frames another goroutine reads
			v.head.next()
			c.turn(v, time.Since(c.began)-time.Duration(v.waits.Load()))
		}
		v.wait()
		v.idle.Store(true)
	}
	v.whole.Store(state == http.StateActive)
}
