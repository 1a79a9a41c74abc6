package compile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// store is where shared limits are counted; nil where there are none. That of the operator is
// for its routes, and so its hosts may be anywhere.
func (c *compiler) store() *routeconfig.RateLimitStore {
	s, path := c.route.Spec.RateLimitStore, spec().Child("rateLimitStore")
	if s != nil && s.Redis != nil {
		for i, address := range s.Redis.Addresses {
			c.checkAddress(path.Child("redis", "addresses").Index(i), address)
		}
	}
	shared := c.shared()
	if shared == nil {
		return nil
	}
	if s == nil {
		if s = c.options.RateLimitStore; s == nil {
			c.refuse(shared, string(v1alpha1.ScopeRoute), "needs spec.rateLimitStore, or the operator's --rate-limit-store")
			return nil
		}
	}
	if s.Redis == nil {
		c.refuse(path.Child("type"), string(s.Type), "must come with the member of its name")
		return nil
	}
	out := Store(s.Redis)
	out.Timeout = c.durationOr(path.Child("timeout"), s.Timeout, "50ms")
	out.Proxies = c.proxies()
	return out
}

// shared is the field of the first limit that is shared, or nil.
func (c *compiler) shared() *field.Path {
	for i := range c.route.Spec.RateLimits {
		if c.route.Spec.RateLimits[i].Scope == v1alpha1.ScopeRoute {
			return spec().Child("rateLimits").Index(i).Child("scope")
		}
	}
	for i := range c.route.Spec.Backends {
		if l := c.route.Spec.Backends[i].RateLimit; l != nil && l.Scope == v1alpha1.ScopeRoute {
			return spec().Child("backends").Index(i).Child("rateLimit", "scope")
		}
	}
	return nil
}

func (c *compiler) checkAddress(path *field.Path, address string) {
	host, port, err := net.SplitHostPort(address)
	if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
		c.refuse(path, address, "must be host:port, with a port between 1 and 65535")
		return
	}
	c.checkHost(path, address, strings.ToLower(host))
}

// Store compiles the settings of a Redis, but for what is the route's own.
func Store(r *v1alpha1.RedisStore) *routeconfig.RateLimitStore {
	out := &routeconfig.RateLimitStore{
		Addresses: r.Addresses,
		Topology:  string(cmp.Or(r.Topology, v1alpha1.RedisStandalone)),
		Master:    r.MasterName,
		Database:  int(value(r.Database)),
		Secret:    string(r.SecretName),
		Prefix:    cmp.Or(r.KeyPrefix, "fanout:"),
	}
	if t := r.TLS; t != nil {
		out.TLS = &routeconfig.TLS{CASecret: string(t.CASecretName), ServerName: t.ServerName, ClientCertificateSecret: string(t.ClientCertificateSecretName)}
	}
	return out
}

// ReadStore reads a store as spec.rateLimitStore has it, in JSON.
func ReadStore(text string) (*v1alpha1.RateLimitStore, error) {
	s := &v1alpha1.RateLimitStore{}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, fmt.Errorf("read store of rate limits: %w", err)
	}
	if s.Type != v1alpha1.StoreRedis || s.Redis == nil {
		return nil, errors.New("read store of rate limits: type must be Redis, with redis")
	}
	timeout, err := time.ParseDuration(cmp.Or(string(s.Timeout), "50ms"))
	if err != nil {
		return nil, fmt.Errorf("read timeout of store: %w", err)
	}
	out := Store(s.Redis)
	out.Timeout, out.Proxies = routeconfig.Duration(timeout), 1
	if err := out.Validate(); err != nil {
		return nil, fmt.Errorf("validate store of rate limits: %w", err)
	}
	return s, nil
}

// proxies is how many there are at most by the spec: as long as the store has counted none,
// a share of a limit is rather too small.
func (c *compiler) proxies() int {
	p := &c.route.Spec.Proxy
	switch {
	case p.Autoscaling != nil:
		return int(max(p.Autoscaling.MaxReplicas, 1))
	case p.Replicas != nil:
		return int(max(*p.Replicas, 1))
	}
	return 1
}
