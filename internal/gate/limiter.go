package gate

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// maxKeys bounds the buckets of one limiter, so that a flood of keys cannot
	// fill the memory.
	maxKeys     = 65_536
	shards      = 64
	keysAShard  = maxKeys / shards
	sweepsAKey  = 8 // buckets looked at to make room for a new one
	overflowKey = ""
)

// Limiter is a rate limit of a route, with a bucket for each key: GCRA, so that a
// bucket is one timestamp. It is safe for concurrent use.
type Limiter struct {
	config   routeconfig.RateLimit
	interval time.Duration // between two calls at the even rate
	reach    time.Duration // how far ahead of the clock a bucket may be
	seed     maphash.Seed
	shards   [shards]shard
	overflow shard
}

// shard maps a key to the time at which its bucket is full again.
type shard struct {
	mu   sync.Mutex
	full map[string]time.Time
}

// NewLimiter returns a Limiter with full buckets.
func NewLimiter(config routeconfig.RateLimit) *Limiter {
	interval := max(time.Duration(config.Per)/time.Duration(config.Requests), 1)
	return &Limiter{
		config:   config,
		interval: interval,
		reach:    interval * time.Duration(config.Burst),
		seed:     maphash.MakeSeed(),
	}
}

// key returns what tells this call from others. An IPv6 client counts by its /64:
// it owns all of the addresses in it.
func (l *Limiter) key(h http.Header, client netip.Addr) string {
	switch l.config.Key {
	case routeconfig.KeyHeader:
		return h.Get(l.config.Header)
	case routeconfig.KeyClientIP:
		if client.Is6() {
			if prefix, err := client.Prefix(64); err == nil {
				client = prefix.Addr()
			}
		}
		b := client.As16()
		return string(b[:])
	}
	return ""
}

// allow takes a call out of the key's bucket, or says how long to wait for one.
func (l *Limiter) allow(now time.Time, key string) (wait time.Duration, ok bool) {
	s := &l.shards[maphash.String(l.seed, key)%shards]
	s.mu.Lock()
	full, known := s.full[key]
	if !known && !s.makeRoom(now) {
		s.mu.Unlock()
		return l.allowOverflow(now)
	}
	defer s.mu.Unlock()
	return l.take(s, now, key, full)
}

// allowOverflow is the one bucket of all keys for which there is no room: they
// limit each other, and refresh nobody else's limit.
func (l *Limiter) allowOverflow(now time.Time) (wait time.Duration, ok bool) {
	l.overflow.mu.Lock()
	defer l.overflow.mu.Unlock()
	return l.take(&l.overflow, now, overflowKey, l.overflow.full[overflowKey])
}

func (l *Limiter) take(s *shard, now time.Time, key string, full time.Time) (wait time.Duration, ok bool) {
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.interval)
	if ahead := full.Sub(now); ahead > l.reach {
		return ahead - l.reach, false
	}
	if s.full == nil {
		s.full = map[string]time.Time{}
	}
	s.full[key] = full
	return 0, true
}

// makeRoom drops a few full buckets, which are as good as none. It never drops
// another: its owner would start afresh.
func (s *shard) makeRoom(now time.Time) bool {
	if len(s.full) < keysAShard {
		return true
	}
	looked := 0
	for key, full := range s.full {
		if !full.After(now) {
			delete(s.full, key)
		}
		if looked++; looked == sweepsAKey {
			break
		}
	}
	return len(s.full) < keysAShard
}
