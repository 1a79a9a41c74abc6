package gate

import (
	"context"
	"net/netip"
	"sync"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/memory"
)

const (
	// maxHashes are how many passwords wait to be judged, of all routes, and maxOfAddress how
	// many of them one client may have shown.
	maxHashes    = 64
	maxOfAddress = maxHashes / 2
	// hashBytes is what a hash counts for beside bodies that are looked at: it takes longer
	// than the most of them.
	hashBytes = 1 << 20
)

// Hashing judges passwords for all routes of a process: one at a time, each once, and where
// that delays nobody. Who has shown one before is not judged again. It is safe for
// concurrent use.
type Hashing struct {
	turn chan struct{} // held by who computes

	mu        sync.Mutex
	pending   map[hashed]*hash
	addresses map[netip.Addr]int
}

// NewHashing returns a Hashing.
func NewHashing() *Hashing {
	return &Hashing{turn: make(chan struct{}, 1), pending: map[hashed]*hash{}, addresses: map[netip.Addr]int{}}
}

// hashed tells passwords apart.
type hashed struct {
	users *creds.Users
	shown creds.Digest
}

// hash is a password that is being judged.
type hash struct {
	of      hashed
	address netip.Addr
	on      *memory.Account
	compute func() creds.Verdict

	done  chan struct{}
	found creds.Verdict // to be read once done is closed
}

// judge returns the verdict, or Unjudged where too many wait or ctx ends first.
func (h *Hashing) judge(ctx context.Context, fresh *hash) creds.Verdict {
	for {
		of, first := h.enter(fresh)
		switch {
		case of == nil:
			return creds.Unjudged
		case first:
			h.run(ctx, of)
			return of.found
		}
		select {
		case <-of.done:
		case <-ctx.Done():
			return creds.Unjudged
		}
		if of.found != creds.Unjudged {
			return of.found
		} // else the call that waited for its turn has ended
	}
}

// enter returns who judges the password; nil where there is no room.
func (h *Hashing) enter(fresh *hash) (of *hash, first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if of = h.pending[fresh.of]; of != nil {
		return of, false
	}
	if len(h.pending) >= maxHashes || h.addresses[fresh.address] >= maxOfAddress {
		return nil, false
	}
	fresh.done = make(chan struct{})
	h.pending[fresh.of] = fresh
	h.addresses[fresh.address]++
	return fresh, true
}

// run computes when it is the hash's turn, unless ctx ends before.
func (h *Hashing) run(ctx context.Context, of *hash) {
	defer h.leave(of)
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-h.turn }()
	of.on.Do(hashBytes, func() { of.found = of.compute() })
}

func (h *Hashing) leave(of *hash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pending, of.of)
	if h.addresses[of.address]--; h.addresses[of.address] == 0 {
		delete(h.addresses, of.address)
	}
	close(of.done)
}
