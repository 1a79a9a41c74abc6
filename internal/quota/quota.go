// Package quota counts calls for all proxies of a route together, in a Redis or Valkey: a
// bucket is refilled by the server's clock, and all that is asked at one point of a call is
// asked in one round trip. A server that does not answer within a budget is left alone until
// it does; who asks meanwhile is told at once.
package quota

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// Charge is one call that is to be taken of a bucket.
type Charge struct {
	// Bucket names it within its route, see Bucket.
	Bucket string
	// Interval is the time between two calls at the even rate, in microseconds.
	Interval float64
	// Burst is how many calls a full bucket admits at once.
	Burst int
	// Patience is how long the call would wait for its turn: it is taken of an empty bucket
	// then, too, ahead of time. Whole microseconds count.
	Patience time.Duration

	how string
}

// Together has the call taken of all buckets of a request that say so, or of none.
func (c *Charge) Together() { c.how = together }

// Alone has the call taken of this bucket, whatever others say.
func (c *Charge) Alone() { c.how = alone }

// Verdict is what a bucket says to a charge.
type Verdict struct {
	// Admitted says that it has a call. That is taken then, unless it goes together with
	// others of which one refused it.
	Admitted bool
	// Left is how many calls it would admit at once.
	Left int
	// Wait is the time to the turn of this call, admitted or not, Full until the bucket is
	// full.
	Wait, Full time.Duration
}

// Even is the interval of so many calls in a time.
func Even(requests int, per time.Duration) float64 {
	return float64(per) / float64(time.Microsecond) / float64(requests)
}

// Bucket is the name of a bucket of a limit: of what tells calls apart, only a hash is kept.
func Bucket(limit, kind, value string) string {
	if kind == "" {
		return limit
	}
	sum := sha256.Sum256([]byte(value))
	return limit + ":" + kind + ":" + hex.EncodeToString(sum[:16])
}

// ErrUnavailable is the error where the store does not answer, or has not just before.
var ErrUnavailable = errors.New("the store of rate limits does not answer")

// Route is what the proxies of one route count together. It is safe for concurrent use.
type Route struct {
	store            *Store
	tag              string
	proxies, assumed atomic.Int64
}

// Proxies is how many serve the route: as many as the store has last counted, or as the
// document says where it never has.
func (r *Route) Proxies() int { return int(max(r.proxies.Load(), 1)) }

// Store is where they count.
func (r *Route) Store() *Store { return r.store }

// Take takes a call of some buckets, in one round trip, and writes what they say to it. The
// error is ErrUnavailable, or that of the context.
func (r *Route) Take(ctx context.Context, charges []Charge, into []Verdict) error {
	keys, args := make([]string, len(charges)), make([]string, 0, arguments*len(charges))
	for i := range charges {
		keys[i] = r.key(charges[i].Bucket)
		args = charges[i].append(args)
	}
	return r.store.take(ctx, keys, args, into)
}

// Return gives a call back to its bucket, since nothing came of it. It does not wait for the
// store: what that does not take at once, or does not answer, stays taken.
func (r *Route) Return(bucket string) { r.store.giveBack(r.key(bucket)) }

// key has the route for its hash tag, so that a cluster keeps all its buckets in one place.
// Names of namespaces and routes hold no brace.
func (r *Route) key(bucket string) string {
	var b strings.Builder
	b.Grow(len(r.store.prefix) + len(r.tag) + len(bucket) + 3)
	b.WriteString(r.store.prefix)
	b.WriteString("{")
	b.WriteString(r.tag)
	b.WriteString("}:")
	b.WriteString(bucket)
	return b.String()
}
