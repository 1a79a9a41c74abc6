package gate

import (
	"errors"
	"math"
	"time"

	"github.com/fanout-operator/fanout/internal/quota"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// asked are the shared limits that are for a call, with what the store is asked and says.
type asked struct {
	limiters [routeconfig.MaxRateLimits]*Limiter
	charges  [routeconfig.MaxRateLimits]quota.Charge
	verdicts [routeconfig.MaxRateLimits]quota.Verdict
	n        int
}

// passShared asks the store for all of them in one round trip.
func (c *counting) passShared(limiters []*Limiter, route *quota.Route) *Refusal {
	a := &asked{}
	for _, l := range limiters {
		bucket, counts, refusal := c.bucket(l)
		if refusal != nil {
			return refusal
		}
		if counts {
			a.limiters[a.n], a.charges[a.n] = l, l.charge(bucket)
			a.n++
		}
	}
	if a.n == 0 {
		return nil
	}
	switch err := route.Take(c.ctx, a.charges[:a.n], a.verdicts[:a.n]); {
	case errors.Is(err, quota.ErrUnavailable):
		return c.passAlone(a.limiters[:a.n], route)
	case err != nil:
		return left()
	}
	return c.judge(a)
}

// charge is what a call takes of a bucket. A limit that refuses nothing counts what it would
// admit, whatever the others say.
func (l *Limiter) charge(bucket string) quota.Charge {
	charge := quota.Charge{Bucket: bucket, Interval: quota.Even(l.config.Requests, time.Duration(l.config.Per)), Burst: l.config.Burst}
	if l.config.Report {
		charge.Alone()
	} else {
		charge.Together()
	}
	return charge
}

// judge refuses by the limit whose wait is the longest.
func (c *counting) judge(a *asked) (refusal *Refusal) {
	longest := time.Duration(-1)
	for i, l := range a.limiters[:a.n] {
		v := &a.verdicts[i]
		if !v.Admitted {
			l.limited.Add(1)
			if !l.config.Report && v.Wait > longest {
				longest, refusal = v.Wait, rateLimited(l.config.Name, v.Wait)
			}
		}
		if l.config.Told {
			c.told = l.appendStanding(c.told, standing{v.Left, v.Wait, int64(math.Ceil(v.Full.Seconds()))}, v.Admitted)
		}
	}
	return refusal
}

// passAlone is what limits do whose store does not answer.
func (c *counting) passAlone(limiters []*Limiter, route *quota.Route) *Refusal {
	for _, l := range limiters {
		l.unknown.Add(1)
		switch {
		case l.config.OnStoreFailure == routeconfig.StoreFailureAllow:
			continue
		case l.config.OnStoreFailure == routeconfig.StoreFailureLocalShare:
			s, ok, refusal := c.count(l.alone(route.Proxies()))
			if refusal == nil && !ok && !l.config.Report {
				refusal = rateLimited(l.config.Name, s.wait)
			}
			if refusal != nil {
				return refusal
			}
		case !l.config.Report:
			return limitUnknown(l.config.Name)
		}
	}
	return nil
}

// bucket names what tells this call from others; counts is false where the limit is not for
// it.
func (c *counting) bucket(l *Limiter) (name string, counts bool, refusal *Refusal) {
	value, kind := "", l.config.Key
	switch kind {
	case routeconfig.KeyHeader:
		value = c.call.Header.Get(l.config.Header)
	case routeconfig.KeyClientIP:
		value = Network(c.call.Client).String()
	case routeconfig.KeyCaller:
		value = c.call.Caller
	case routeconfig.KeyExpression:
		text, found, refusal := c.evaluate(l)
		if refusal != nil || found == uncounted {
			return "", false, refusal
		}
		if value = text; found == failed {
			kind = "failed"
		}
	}
	return quota.Bucket(l.config.Name, kind, value), true, nil
}

// share is a limit that one of several proxies holds to by itself.
type share struct {
	proxies int
	limiter *Limiter
}

// alone is the limit divided by the number of proxies. Its buckets outlive an outage, so that
// a store that comes and goes refills none.
func (l *Limiter) alone(proxies int) *Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.local == nil || l.local.proxies != proxies {
		l.local = &share{proxies, l.divided(proxies)}
	}
	return l.local.limiter
}

func (l *Limiter) divided(proxies int) *Limiter {
	config := l.config
	config.Burst = max(config.Burst/proxies, 1)
	limiter := NewLimiter(config, l.key)
	limiter.interval = max(time.Duration(float64(config.Per)/float64(config.Requests)*float64(proxies)), 1)
	limiter.limited = l.limited
	return limiter
}

// Unknown counts the calls for which the store of the limit had no answer.
func (l *Limiter) Unknown() uint64 { return l.unknown.Load() }
