package backend

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/fanout-operator/fanout/internal/breaker"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// limits are what a backend bears: calls while its circuit is closed, requests at once, and
// requests in a time. They are safe for concurrent use.
type limits struct {
	breaker *breaker.Breaker
	limiter *rate.Limiter // nil for no limit; where that is shared, this proxy's share
	shared  *shared       // nil where the limit is this proxy's own
	waits   bool          // for a token of the rate
	timeout time.Duration // of the backend
	slots   *slots        // nil for no limit
	places  int64         // in the queue for a slot
	queued  atomic.Int64
}

func (l *limits) configure(config *routeconfig.Backend) {
	l.breaker, l.places = breaker.New(config.CircuitBreaker), int64(config.MaxQueuedRequests)
	l.timeout = time.Duration(config.Timeout)
	if config.MaxConcurrentRequests > 0 {
		l.slots = newSlots(config.MaxConcurrentRequests)
	}
	if limit := config.RateLimit; limit != nil {
		l.limiter, l.waits = rate.NewLimiter(perSecond(limit), limit.Burst), limit.Wait
	}
}

// perSecond divides without a rest: of 600,000 in 1 ms, whole nanoseconds between two
// requests make 1,000,000.
func perSecond(limit *routeconfig.RateLimit) rate.Limit {
	return rate.Limit(float64(limit.Requests) / time.Duration(limit.Per).Seconds())
}

// place is where a call is let.
type place uint8

const (
	outside place = iota
	inQueue
	inSlot
)

// enter takes a slot, or a place in the queue for one.
func (l *limits) enter() place {
	if l.slots == nil || l.slots.try() {
		return inSlot
	}
	if l.queued.Add(1) > l.places {
		l.queued.Add(-1)
		return outside
	}
	return inQueue
}

// held is where a token of the rate was taken.
type held uint8

const (
	nowhere held = iota // no token is taken, nor needed
	here
	inStore
)

// limited takes a token of the rate for one request, or says how long there is none.
func (l *limits) limited(now time.Time) time.Duration {
	if l.limiter == nil || l.limiter.AllowN(now, 1) {
		return 0
	}
	lacking := 1 - l.limiter.TokensAt(now)
	return max(time.Duration(lacking/float64(l.limiter.Limit())*float64(time.Second)), 1)
}

// token takes a token of the rate for one request that may wait for it as long as patience.
// Where ok is false there is none, and wait says for how long.
func (l *limits) token(ctx context.Context, now time.Time, patience time.Duration) (from held, wait time.Duration, ok bool) {
	if l.shared != nil {
		return l.sharedToken(ctx, now, patience)
	}
	wait, ok = l.own(now, patience)
	return here, wait, ok
}

// own is token of the limiter of this proxy.
func (l *limits) own(now time.Time, patience time.Duration) (wait time.Duration, ok bool) {
	wait = l.limited(now)
	if wait == 0 || !l.waits || wait >= patience {
		return wait, wait == 0
	}
	if wait = l.limiter.ReserveN(now, 1).DelayFrom(now); wait < patience {
		return wait, true
	}
	l.unlimit(here) // others were faster
	return wait, false
}

// unlimit gives a token back: nothing was sent. What rate calls canceling a reservation
// returns nothing where others have reserved since.
func (l *limits) unlimit(from held) {
	switch {
	case from == inStore:
		l.shared.route.Return(l.shared.bucket)
	case from == here && l.limiter != nil:
		l.limiter.AllowN(time.Now(), -1)
	}
}

// admits reports whether there will be a token at a time, if nobody takes one before, or
// whether that is waited for. What others take of a shared limit is not known before.
func (l *limits) admits(at time.Time) bool {
	return l.limiter == nil || l.waits || l.shared != nil || l.limiter.TokensAt(at) >= 1
}

// spare takes what one request more takes beside the first one, if there is room. It does
// not wait for a turn.
func (l *limits) spare(ctx context.Context, now time.Time) (from held, ok bool) {
	if l.slots != nil && !l.slots.try() {
		return nowhere, false
	}
	if from, _, ok = l.token(ctx, now, 0); !ok {
		l.release()
	}
	return from, ok
}

// release gives the slot of a request back.
func (l *limits) release() {
	if l.slots != nil {
		l.slots.release()
	}
}
