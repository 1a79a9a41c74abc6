package body

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrMemory is returned where the budget has no room for more of a body.
var ErrMemory = errors.New("the memory for bodies is used up")

// Budget bounds the memory of all bodies in a process, and while it is short what the
// clients behind one address may take of it. It is safe for concurrent use.
type Budget struct {
	// Limit is in bytes.
	Limit int64

	used atomic.Int64
	// shortUntil is when shares end to bind, in nanoseconds since the first refusal; 0
	// before it.
	shortUntil atomic.Int64

	mu      sync.Mutex
	began   time.Time // of the first refusal
	wanting netip.Addr
	holders map[netip.Addr]*holder
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
	a := &Account{budget: b}
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
		if over > 0 && a.yield != nil {
			over -= a.held.Load()
			a.yielded = true
			a.yield()
			a.yield = nil
		}
	}
}

// Account is what one call has taken of the budget. The last of its users gives all
// back. A nil Account has no limit.
type Account struct {
	budget *Budget
	holder *holder // nil for none
	held   atomic.Int64
	users  atomic.Int32
	// yield ends the body that comes; both are guarded by the budget.
	yield   func()
	yielded bool
}

// Join adds a user, who closes the account too.
func (a *Account) Join() { a.users.Add(1) }

// Take takes n bytes; false where there are not as many.
func (a *Account) Take(n int64) bool {
	if a == nil {
		return true
	}
	if a.budget.beyond(a.holder) {
		return false
	}
	if a.budget.used.Add(n) > a.budget.Limit {
		a.budget.used.Add(-n)
		a.budget.refuse(a.holder)
		return false
	}
	a.hold(n)
	return true
}

func (a *Account) hold(n int64) {
	a.held.Add(n)
	if a.holder != nil {
		a.holder.held.Add(n)
	}
}

// Give gives n bytes back before the end.
func (a *Account) Give(n int64) {
	if a != nil {
		a.budget.used.Add(-n)
		a.hold(-n)
	}
}

// Receive calls read, which fills the account with a body that comes at its sender's
// pace. Where the room is needed for others meanwhile, it calls stop, from any
// goroutine, and Receive returns true.
func (a *Account) Receive(stop, read func()) (yielded bool) {
	if a == nil || a.holder == nil { // nobody's share is judged
		read()
		return false
	}
	a.setYield(stop)
	read()
	return a.setYield(nil)
}

func (a *Account) setYield(stop func()) (yielded bool) {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.yield = stop
	return a.yielded
}

// Close ends the use of one user.
func (a *Account) Close() {
	if a == nil || a.users.Add(-1) > 0 {
		return
	}
	a.Give(a.held.Load())
	if a.holder == nil {
		return
	}
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	if delete(a.holder.accounts, a); len(a.holder.accounts) == 0 {
		delete(a.budget.holders, a.holder.address)
	}
}
