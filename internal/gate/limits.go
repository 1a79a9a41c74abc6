package gate

import (
	"context"
	"errors"
	"time"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/quota"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// limits are those that are checked at one point of the way in. A call takes of all of them
// or of none: one that is refused by the last leaves the others as they were.
type limits struct {
	enforced []*Limiter
	shared   []*Limiter // they ask the store, enforced or not
	reported []*Limiter // they refuse nothing
	computed bool       // one of them has an expression for its key
}

func (l *limits) add(limiter *Limiter) {
	switch {
	case limiter.config.Shared:
		l.shared = append(l.shared, limiter)
	case limiter.config.Report:
		l.reported = append(l.reported, limiter)
	default:
		l.enforced = append(l.enforced, limiter)
	}
	l.computed = l.computed || limiter.key != nil
}

func (l *limits) any() bool { return len(l.enforced)+len(l.shared)+len(l.reported) > 0 }

func (g *Gate) limitAddress(guest *Guest, a *Admission) *Refusal { return g.limit(&g.early, guest, a) }

func (g *Gate) limitField(guest *Guest, a *Admission) *Refusal { return g.limit(&g.late, guest, a) }

func (g *Gate) limit(l *limits, guest *Guest, a *Admission) *Refusal {
	c := counting{now: time.Now(), call: &a.Call, ctx: guest.Request.Context()}
	if l.computed {
		c.input = expression.NewInput(g.seen(&a.Call), guest.Memory)
		defer c.input.Close()
	}
	refusal := c.pass(l, g.quota)
	if told := c.standings(); told != nil {
		g.tellLimits(guest.Writer.Header(), string(told))
	}
	return refusal
}

// counting is one call as it passes limits.
type counting struct {
	now   time.Time
	call  *fanout.Call
	ctx   context.Context   // of this one call
	input *expression.Input // nil where no key is computed
	noted [routeconfig.MaxRateLimits]noted
	n     int    // of noted
	told  []byte // of limits that are counted elsewhere
}

// noted is what a limit of this proxy has said to the call.
type noted struct {
	limiter *Limiter
	key     bucketKey
	s       standing
	ok      bool
}

// pass asks the store last: what is refused here costs no round trip.
func (c *counting) pass(l *limits, route *quota.Route) *Refusal {
	for _, limiter := range l.enforced {
		s, ok, refusal := c.count(limiter)
		if refusal == nil && !ok {
			refusal = rateLimited(limiter.config.Name, s.wait)
		}
		if refusal != nil {
			c.undo()
			return refusal
		}
	}
	if len(l.shared) > 0 {
		if refusal := c.passShared(l.shared, route); refusal != nil {
			c.undo()
			return refusal
		}
	}
	for _, limiter := range l.reported {
		if _, _, refusal := c.count(limiter); refusal != nil {
			return refusal
		}
	}
	return nil
}

// count takes the call from a limit, and notes what callers are told of it.
func (c *counting) count(l *Limiter) (s standing, ok bool, refusal *Refusal) {
	key, counts, refusal := c.key(l)
	if refusal != nil || !counts {
		return s, true, refusal
	}
	if s, ok = l.allow(c.now, key); !ok {
		l.limited.Add(1)
	}
	c.noted[c.n] = noted{l, key, s, ok}
	c.n++
	return s, ok, nil
}

// undo gives the call back to all limits that have counted it.
func (c *counting) undo() {
	for i := range c.noted[:c.n] {
		if t := &c.noted[i]; t.ok {
			t.s = t.limiter.undo(c.now, t.key, t.s)
		}
	}
}

// standings are what callers are told: by then it is known whether the call was counted.
func (c *counting) standings() []byte {
	var text []byte
	for i := range c.noted[:c.n] {
		if t := &c.noted[i]; t.limiter.config.Told {
			text = t.limiter.appendStanding(text, t.s, t.ok)
		}
	}
	if text != nil && c.told != nil {
		text = append(text, ", "...)
	}
	return append(text, c.told...)
}

// key returns what tells this call from others; counts is false where the limit is not for
// it.
func (c *counting) key(l *Limiter) (key bucketKey, counts bool, refusal *Refusal) {
	switch l.config.Key {
	case routeconfig.KeyHeader:
		return l.hash(c.call.Header.Get(l.config.Header)), true, nil
	case routeconfig.KeyClientIP:
		b := Network(c.call.Client).As16()
		return l.hash(string(b[:])), true, nil
	case routeconfig.KeyCaller:
		return l.hash(c.call.Caller), true, nil
	case routeconfig.KeyExpression:
		return c.compute(l)
	}
	return bucketKey{}, true, nil
}

// compute evaluates a key. Whoever makes it fail is limited all the same: all of them share
// a bucket.
func (c *counting) compute(l *Limiter) (key bucketKey, counts bool, refusal *Refusal) {
	text, found, refusal := c.evaluate(l)
	switch {
	case refusal != nil || found == uncounted:
		return key, false, refusal
	case found == failed:
		return bucketKey{}, true, nil
	}
	return l.hash(text), true, nil
}

// finding is what an expression has made of a key.
type finding uint8

const (
	computed finding = iota
	failed
	uncounted // the limit is not for the call
)

func (c *counting) evaluate(l *Limiter) (text string, found finding, refusal *Refusal) {
	text, ok, err := l.key.Text(c.ctx, c.input)
	switch {
	case errors.Is(err, expression.ErrMemory):
		return "", failed, OutOfMemory()
	case err != nil:
		return "", failed, nil
	case !ok:
		return "", uncounted, nil
	}
	return text, computed, nil
}
