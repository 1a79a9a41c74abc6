package backend

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/fanout-operator/fanout/internal/breaker"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/quota"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// shared is a limit of requests that all proxies of a route hold together. Its bucket is in
// the store; while that does not answer, the limiter beside it is this proxy's share.
type shared struct {
	route   *quota.Route
	config  *routeconfig.RateLimit
	bucket  string
	proxies atomic.Int64 // that the share is for
	unknown atomic.Uint64
}

// Share has the limit of the backend counted with all proxies of the route. It is called
// before the first call, of a backend whose limit is a shared one.
func (s *State) Share(config *routeconfig.Backend, route *quota.Route) {
	// Names of limits on calls have no slash.
	s.shared = &shared{route: route, config: config.RateLimit, bucket: "backends/" + config.Name}
}

// sharedToken is token of a limit that is counted in the store: one round trip.
func (l *limits) sharedToken(ctx context.Context, now time.Time, patience time.Duration) (from held, wait time.Duration, ok bool) {
	var verdict [1]quota.Verdict
	charge := [1]quota.Charge{l.charge(patience)}
	err := l.shared.route.Take(ctx, charge[:], verdict[:])
	return l.answered(now, patience, &verdict[0], err)
}

// charge is one request, which waits for its turn only where the limit says so.
func (l *limits) charge(patience time.Duration) quota.Charge {
	s := l.shared
	c := quota.Charge{Bucket: s.bucket, Interval: quota.Even(s.config.Requests, time.Duration(s.config.Per)), Burst: s.config.Burst}
	if l.waits {
		c.Patience = patience
	}
	c.Alone()
	return c
}

// answered is what the store's answer means to a request, or the lack of one.
func (l *limits) answered(now time.Time, patience time.Duration, v *quota.Verdict, err error) (from held, wait time.Duration, ok bool) {
	switch {
	case err == nil && v.Admitted:
		return inStore, v.Wait, true
	case err == nil:
		return nowhere, v.Wait, false
	case !errors.Is(err, quota.ErrUnavailable):
		return nowhere, 0, false // the call has ended
	}
	l.shared.unknown.Add(1)
	switch l.shared.config.OnStoreFailure {
	case routeconfig.StoreFailureAllow:
		return nowhere, 0, true
	case routeconfig.StoreFailureLocalShare:
		l.divide()
		wait, ok = l.own(now, patience)
		return here, wait, ok
	}
	return nowhere, time.Second, false
}

// divide makes the limiter the share of one of the proxies that there are.
func (l *limits) divide() {
	n := int64(l.shared.route.Proxies())
	if l.shared.proxies.Swap(n) != n {
		l.limiter.SetLimit(perSecond(l.shared.config) / rate.Limit(n))
		l.limiter.SetBurst(max(l.shared.config.Burst/int(n), 1))
	}
}

// Settlement is what the reservations of one call take of shared limits, in one round trip.
// The zero value is one without any.
type Settlement struct {
	open     []*reservation
	backends []int
}

// Add notes a reservation, nil for none, whose limit is a shared one.
func (s *Settlement) Add(backend int, r fanout.Reservation) {
	if r, ok := r.(*reservation); ok && r.work.ticket.open {
		s.open, s.backends = append(s.open, r), append(s.backends, backend)
	}
}

// Settle is that of fanout.Reserver.
func (s *Settlement) Settle(ctx context.Context, refuse func(backend int, why fanout.Answer)) {
	if len(s.open) == 0 {
		return
	}
	charges, verdicts := make([]quota.Charge, len(s.open)), make([]quota.Verdict, len(s.open))
	for i, r := range s.open {
		charges[i] = r.work.ticket.charge(r.work.ticket.timeout)
	}
	err := s.open[0].work.ticket.shared.route.Take(ctx, charges, verdicts)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	for i, r := range s.open {
		t := &r.work.ticket
		from, wait, ok := t.answered(now, t.timeout, &verdicts[i], err)
		if ok {
			t.hold(now, from, wait)
			continue
		}
		t.end(now, breaker.Unheard)
		refuse(s.backends[i], rejected(fanout.RateLimited, wait))
	}
}

// settle takes the token of a ticket that is still open, as those of shadows are, or says
// how long there is none.
func (t *ticket) settle(ctx context.Context) (wait time.Duration, ok bool) {
	if !t.open {
		return 0, true
	}
	now := time.Now()
	from, wait, ok := t.sharedToken(ctx, now, t.timeout)
	if ok {
		t.hold(now, from, wait)
	}
	return wait, ok
}

// Unknown counts the requests for which the store of the backend's limit had no answer, and
// says what became of them; ok is false where the limit is not a shared one.
func (b *Backend) Unknown() (n uint64, action string, ok bool) {
	s := b.state.shared
	if s == nil {
		return 0, "", false
	}
	return s.unknown.Load(), s.config.OnStoreFailure, true
}
