package proxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/gate"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// limiters compiles the limits of a route. One that is as it was keeps its buckets.
func (c *compiler) limiters(id string, configs []routeconfig.RateLimit) ([]*gate.Limiter, error) {
	var limiters []*gate.Limiter
	for _, config := range configs {
		content, err := json.Marshal(config)
		if err != nil {
			return nil, fmt.Errorf("encode rate limit %q: %w", config.Name, err)
		}
		limiter := keep(c.old.limiters, c.fresh.limiters, id+"\n"+string(content), func() *gate.Limiter {
			var key *expression.Program
			if key, err = c.limitKey(&config); err != nil {
				return nil
			}
			return gate.NewLimiter(config, key)
		})
		if err != nil {
			return nil, fmt.Errorf("compile key of rate limit %q: %w", config.Name, err)
		}
		limiters = append(limiters, limiter)
	}
	return limiters, nil
}

func (c *compiler) limitKey(config *routeconfig.RateLimit) (*expression.Program, error) {
	if config.Expression == "" {
		return nil, nil // no key is computed
	}
	return c.expressions.Compile(config.Expression, expression.Key)
}

// limits writes how many calls were beyond each limit of a route.
func (m metrics) limits(r *route) {
	for i, l := range r.limiters {
		m.Counter("fanout_rate_limited_calls_total", "Calls beyond a rate limit: refused, or admitted where it only reports.", l.Limited(),
			"limit", r.config.RateLimits[i].Name, "mode", modeOf(r.config.RateLimits[i].Report))
	}
}

// take takes over the fields of a response. What a backend says of its own limits is not
// passed on where the route tells of its own: they are the route's with that backend.
func (v *visit) take(fields http.Header) http.Header {
	h := v.Writer.Header()
	limit, told := h[gate.FieldRateLimit]
	policy := h[gate.FieldRateLimitPolicy]
	maps.Copy(h, fields)
	if told {
		h[gate.FieldRateLimit], h[gate.FieldRateLimitPolicy] = limit, policy
	}
	return h
}
