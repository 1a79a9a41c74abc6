package gate

import (
	"hash/maphash"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/expression"
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
	key      *expression.Program // of KeyExpression
	name     string              // as fields tell of the limit
	limited  *atomic.Uint64      // calls beyond it
	unknown  atomic.Uint64       // calls for which its store had no answer
	mu       sync.Mutex
	local    *share // for when its store does not answer
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

// NewLimiter returns a Limiter with full buckets. key is the program of KeyExpression.
func NewLimiter(config routeconfig.RateLimit, key *expression.Program) *Limiter {
	return &Limiter{
		config:   config,
		interval: max(time.Duration(config.Per)/time.Duration(config.Requests), 1),
		start:    time.Now(),
		seeds:    [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		key:      key,
		name:     strconv.Quote(config.Name),
		limited:  new(atomic.Uint64),
	}
}

// Limited counts the calls that were beyond the limit, refused or not.
func (l *Limiter) Limited() uint64 { return l.limited.Load() }

func (l *Limiter) hash(value string) bucketKey {
	return bucketKey{maphash.String(l.seeds[0], value), maphash.String(l.seeds[1], value)}
}

// standing is what a limit has left for a key, after a call.
type standing struct {
	left int           // calls that it would admit at once
	wait time.Duration // to the next call, where it refused this one
	full int64         // seconds until the bucket is full
}

// allow takes a call out of the key's bucket, or says how long to wait for one.
func (l *Limiter) allow(now time.Time, key bucketKey) (s standing, ok bool) {
	at := l.moment(now)
	bucket := &l.shards[key[0]%shards]
	bucket.mu.Lock()
	full, known := bucket.full[key]
	if !known && !bucket.makeRoom(at) {
		bucket.mu.Unlock()
		return l.allowOverflow(at)
	}
	defer bucket.mu.Unlock()
	return l.take(bucket, at, key, full)
}

// undo gives a call back to the key's bucket, since another limit has refused it, and says
// how that stands then. The bucket of all keys without room is left as it is: whose call it
// was nobody knows.
func (l *Limiter) undo(now time.Time, key bucketKey, before standing) standing {
	at := l.moment(now)
	bucket := &l.shards[key[0]%shards]
	bucket.mu.Lock()
	defer bucket.mu.Unlock()
	full, known := bucket.full[key]
	if !known {
		return before
	}
	full.intervals--
	bucket.full[key] = full
	if at.after(full) {
		full = at
	}
	return l.standing(at, full, moment{at.intervals + int64(l.config.Burst), at.rest})
}

func (l *Limiter) moment(now time.Time) moment {
	elapsed := max(now.Sub(l.start), 0)
	return moment{int64(elapsed / l.interval), elapsed % l.interval}
}

// allowOverflow is the one bucket of all keys for which there is no room: they
// limit each other, and refresh nobody else's limit.
func (l *Limiter) allowOverflow(now moment) (s standing, ok bool) {
	l.overflow.mu.Lock()
	defer l.overflow.mu.Unlock()
	return l.take(&l.overflow, now, bucketKey{}, l.overflow.full[bucketKey{}])
}

// take fills the bucket up by one interval, if that is no more than burst intervals
// ahead of the clock.
func (l *Limiter) take(s *shard, now moment, key bucketKey, full moment) (standing, bool) {
	if now.after(full) {
		full = now
	}
	full.intervals++
	latest := moment{now.intervals + int64(l.config.Burst), now.rest}
	if full.after(latest) {
		return standing{wait: time.Duration(full.intervals-latest.intervals)*l.interval + full.rest - latest.rest}, false
	}
	if s.full == nil {
		s.full = map[bucketKey]moment{}
	}
	s.full[key] = full
	return l.standing(now, full, latest), true
}

// standing counts what is between the bucket as it is and a full one.
func (l *Limiter) standing(now, full, latest moment) standing {
	left := latest.intervals - full.intervals
	if full.rest > latest.rest {
		left--
	}
	seconds := float64(full.intervals-now.intervals)*l.interval.Seconds() + (full.rest - now.rest).Seconds()
	return standing{left: int(left), full: int64(math.Ceil(seconds))}
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
