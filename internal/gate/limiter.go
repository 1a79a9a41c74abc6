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
	maxKeys    = 65_536
	shards     = 64
	keysAShard = maxKeys / shards
	sweepsAKey = 8 // buckets looked at to make room for a new one
)

// Limiter is a rate limit of a route, with a bucket for each key: GCRA, so that a
// bucket is one moment. It is safe for concurrent use.
type Limiter struct {
	config   routeconfig.RateLimit
	interval time.Duration // between two calls at the even rate
	start    time.Time     // moments are counted from here, by the monotonic clock
	seeds    [2]maphash.Seed
	shards   [shards]shard
	overflow shard
}

// bucketKey stands for what tells calls apart: a client chooses that, at any length,
// and 65,536 of them are kept. The hash is keyed, so that nobody can look for two
// values that share a bucket, and of 128 bits, so that no two do by chance.
type bucketKey [2]uint64

// moment is a time in whole intervals of the limiter and a rest. The burst of a bucket
// may be worth 2,700 years, and a time.Duration holds 292.
type moment struct {
	intervals int64
	rest      time.Duration
}

func (m moment) after(other moment) bool {
	return m.intervals > other.intervals || m.intervals == other.intervals && m.rest > other.rest
}

// shard maps a key to the moment at which its bucket is full again.
type shard struct {
	mu   sync.Mutex
	full map[bucketKey]moment
}

// NewLimiter returns a Limiter with full buckets.
func NewLimiter(config routeconfig.RateLimit) *Limiter {
	return &Limiter{
		config:   config,
		interval: max(time.Duration(config.Per)/time.Duration(config.Requests), 1),
		start:    time.Now(),
		seeds:    [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
}

// key returns what tells this call from others.
func (l *Limiter) key(h http.Header, client netip.Addr) bucketKey {
	switch l.config.Key {
	case routeconfig.KeyHeader:
		return l.hash(h.Get(l.config.Header))
	case routeconfig.KeyClientIP:
		b := Network(client).As16()
		return l.hash(string(b[:]))
	}
	return bucketKey{}
}

func (l *Limiter) hash(value string) bucketKey {
	return bucketKey{maphash.String(l.seeds[0], value), maphash.String(l.seeds[1], value)}
}

// allow takes a call out of the key's bucket, or says how long to wait for one.
func (l *Limiter) allow(now time.Time, key bucketKey) (wait time.Duration, ok bool) {
	elapsed := max(now.Sub(l.start), 0)
	at := moment{int64(elapsed / l.interval), elapsed % l.interval}
	s := &l.shards[key[0]%shards]
	s.mu.Lock()
	full, known := s.full[key]
	if !known && !s.makeRoom(at) {
		s.mu.Unlock()
		return l.allowOverflow(at)
	}
	defer s.mu.Unlock()
	return l.take(s, at, key, full)
}

// allowOverflow is the one bucket of all keys for which there is no room: they
// limit each other, and refresh nobody else's limit.
func (l *Limiter) allowOverflow(now moment) (wait time.Duration, ok bool) {
	l.overflow.mu.Lock()
	defer l.overflow.mu.Unlock()
	return l.take(&l.overflow, now, bucketKey{}, l.overflow.full[bucketKey{}])
}

// take fills the bucket up by one interval, if that is no more than burst intervals
// ahead of the clock.
func (l *Limiter) take(s *shard, now moment, key bucketKey, full moment) (wait time.Duration, ok bool) {
	if now.after(full) {
		full = now
	}
	full.intervals++
	if latest := (moment{now.intervals + int64(l.config.Burst), now.rest}); full.after(latest) {
		return time.Duration(full.intervals-latest.intervals)*l.interval + full.rest - latest.rest, false
	}
	if s.full == nil {
		s.full = map[bucketKey]moment{}
	}
	s.full[key] = full
	return 0, true
}

// makeRoom drops a few full buckets, which are as good as none. It never drops
// another: its owner would start afresh.
func (s *shard) makeRoom(now moment) bool {
	if len(s.full) < keysAShard {
		return true
	}
	looked := 0
	for key, full := range s.full {
		if !full.after(now) {
			delete(s.full, key)
		}
		if looked++; looked == sweepsAKey {
			break
		}
	}
	return len(s.full) < keysAShard
}
