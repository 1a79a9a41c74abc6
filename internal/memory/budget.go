// Package memory bounds what the bodies of all calls take in a process. Whoever keeps bytes
// of a call takes their room from the call's account before, and the account's last user
// gives all of it back.
package memory

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUsedUp is returned where a budget has no room for what is wanted.
var ErrUsedUp = errors.New("the memory for bodies is used up")

// Budget bounds the memory of all bodies in a process, and while it is short what the
// clients behind one address may take of it. It is safe for concurrent use.
type Budget struct {
	// Limit is in bytes; of 0 nothing can be taken.
	Limit int64
	// Order says whose bytes go first where there are many; nil for nobody's.
	Order Order
	// Last lets the accounts of this budget come after those of others in the same Order.
	Last bool

	opened atomic.Uint64
	used   atomic.Int64
	// shortUntil is when shares end to bind, in nanoseconds since the first refusal; 0
	// before it.
	shortUntil atomic.Int64

	mu      sync.Mutex
	began   time.Time // of the first refusal
	wanting netip.Addr
	holders map[netip.Addr]*holder
}

// Order lets what is older go before what is younger, so that where calls together want more
// than there is, the first of them are answered and not none. Its methods are safe for
// concurrent use. The age of an account is smaller the older it is.
type Order interface {
	// Do calls f, which needs bytes in this number, once no older one waits. It returns when f
	// has.
	Do(age uint64, bytes int, f func())
	// Pass returns when those that are older have gone on, and what is short.
	Pass(age uint64)
}

// shareBinds is how long after a refusal nobody else may take more than a share.
const shareBinds = 10 * time.Second

// holder is what the clients behind one address have taken.
type holder struct {
	address  netip.Addr
	accounts map[*Account]struct{} // guarded by the budget
	held     atomic.Int64
}

// Used is what is taken now, in bytes.
func (b *Budget) Used() int64 { return b.used.Load() }

// Open returns an Account with one user, for a client of an address. Where the address
// is not valid, it has no share.
func (b *Budget) Open(address netip.Addr) *Account {
	a := &Account{budget: b, age: b.opened.Add(1)}
	if b.Last {
		a.age |= 1 << 63
	}
	a.users.Add(1)
	if !address.IsValid() {
		return a
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holders == nil {
		b.holders = map[netip.Addr]*holder{}
	}
	if a.holder = b.holders[address]; a.holder == nil {
		a.holder = &holder{address: address, accounts: map[*Account]struct{}{}}
		b.holders[address] = a.holder
	}
	a.holder.accounts[a] = struct{}{}
	return a
}

// share is what one address may take while another one is refused.
func (b *Budget) share() int64 { return b.Limit / 2 }

// beyond reports whether h may take no more, since another address was refused a moment
// ago and h has its share.
func (b *Budget) beyond(h *holder) bool {
	until := b.shortUntil.Load()
	if until == 0 || h == nil || h.held.Load() <= b.share() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return h.address != b.wanting && int64(time.Since(b.began)) < until
}

// refuse notes that an address found no room, and takes the bodies that have not come
// yet from one that has more than its share.
func (b *Budget) refuse(h *holder) {
	if h == nil || h.held.Load() > b.share() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.began.IsZero() {
		b.began = time.Now()
	}
	b.wanting = h.address
	b.shortUntil.Store(int64(time.Since(b.began) + shareBinds))
	for _, other := range b.holders {
		if other != h && other.held.Load() > b.share() {
			other.yield(b.share())
		}
	}
}

// yield ends bodies that still come until what is left is the share. Those that were
// ended before, and have not given back yet, are not left.
func (h *holder) yield(share int64) {
	over := h.held.Load() - share
	for a := range h.accounts {
		if a.yielded {
			over -= a.held.Load()
		}
	}
	for a := range h.accounts {
		if over > 0 && a.coming != nil {
			over -= a.held.Load()
			a.yielded = true
			a.coming.Stop()
			a.coming = nil
		}
	}
}
