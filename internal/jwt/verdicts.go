package jwt

import (
	"sync"
	"time"
)

const (
	// maxVerdicts and maxBytes bound what is remembered of tokens of one issuer.
	maxVerdicts = 4096
	maxBytes    = 4 << 20
	// looksAt is how many are looked at to make room.
	looksAt = 8
)

// verdicts remember who admitted tokens are of, as long as the keys are as they were. Only
// tokens with a valid signature get here, so that nobody else can fill it.
type verdicts struct {
	mu    sync.RWMutex
	known map[Digest]*Caller
	bytes int
}

func (v *verdicts) recall(d Digest, now time.Time) *Caller {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if c := v.known[d]; c != nil && now.Before(c.until) {
		return c
	}
	return nil
}

func (v *verdicts) remember(d Digest, c *Caller, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil {
		v.known = map[Digest]*Caller{}
	}
	v.drop(d)
	for len(v.known) > 0 && (len(v.known) >= maxVerdicts || v.bytes+c.size() > maxBytes) {
		v.makeRoom(now)
	}
	v.known[d] = c
	v.bytes += c.size()
}

// makeRoom drops what has ended of a few, or any one.
func (v *verdicts) makeRoom(now time.Time) {
	looked, dropped, last := 0, false, Digest{}
	for d, c := range v.known {
		last = d
		if !now.Before(c.until) {
			v.drop(d)
			dropped = true
		}
		if looked++; looked == looksAt {
			break
		}
	}
	if !dropped {
		v.drop(last)
	}
}

func (v *verdicts) drop(d Digest) {
	if c := v.known[d]; c != nil {
		v.bytes -= c.size()
		delete(v.known, d)
	}
}

// size is what a caller takes, the entry included.
func (c *Caller) size() int { return len(c.Claims) + len(c.Name) + 160 }
