package compile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func sharedLimit(r *v1alpha1.FanoutRoute) {
	r.Spec.RateLimits = []v1alpha1.CallRateLimit{{Name: "own", Requests: 1}, {Name: "common", Requests: 1, Scope: v1alpha1.ScopeRoute}}
}

func storeOf(addresses ...string) *v1alpha1.RateLimitStore {
	return &v1alpha1.RateLimitStore{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{Addresses: addresses}}
}

// The route's own store goes before that of the operator, which may be anywhere; without
// either a shared limit is refused, and without a shared limit there is no store.
func TestStoresOfRateLimits(t *testing.T) {
	t.Parallel()
	own := func(s *v1alpha1.RateLimitStore) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) { sharedLimit(r); r.Spec.RateLimitStore = s }
	}
	operators := compile.Options{RateLimitStore: storeOf("redis.infra.svc:6379")}
	for _, row := range []struct {
		name    string
		modify  func(*v1alpha1.FanoutRoute)
		options compile.Options
		address string
		refused string
	}{
		{"the operator's", sharedLimit, operators, "redis.infra.svc:6379", ""},
		{"the route's", own(storeOf("redis.shop.svc:6379")), operators, "redis.shop.svc:6379", ""},
		{"none", sharedLimit, compile.Options{}, "", "spec.rateLimits[1].scope: Invalid value: \"Route\": needs spec.rateLimitStore, or the operator's --rate-limit-store"},
		{"one that nobody needs", func(r *v1alpha1.FanoutRoute) { r.Spec.RateLimitStore = storeOf("redis.shop.svc:6379") }, operators, "", ""},
		{"one of another namespace", own(storeOf("redis.infra.svc:6379")), operators, "", "spec.rateLimitStore.redis.addresses[0]: Invalid value: \"redis.infra.svc:6379\": must not name a Service or Pod of namespace \"infra\""},
		{"one that is a name alone", own(storeOf("redis:6379")), operators, "", "must not have a host of one label"},
		{"one without port", own(storeOf("redis.shop.svc")), operators, "", "spec.rateLimitStore.redis.addresses[0]: Invalid value: \"redis.shop.svc\": must be host:port"},
		{"one with a port that is none", own(storeOf("redis.shop.svc:99999")), operators, "", "must be host:port, with a port between 1 and 65535"},
		{"one with port 0", own(storeOf("redis.shop.svc:0")), operators, "", "must be host:port, with a port between 1 and 65535"},
		{"one with a name for a port", own(storeOf("redis.shop.svc:redis")), operators, "", "must be host:port, with a port between 1 and 65535"},
		{"one that nobody needs, with such a port", func(r *v1alpha1.FanoutRoute) { r.Spec.RateLimitStore = storeOf("redis.shop.svc:99999") }, operators, "", "between 1 and 65535"},
		{"one that is nothing", own(&v1alpha1.RateLimitStore{Type: v1alpha1.StoreRedis}), operators, "", "spec.rateLimitStore.type"},
	} {
		out, errs := compile.Route(route(row.modify), row.options)
		if row.refused != "" {
			if len(errs) == 0 || !strings.Contains(errs.ToAggregate().Error(), row.refused) {
				t.Errorf("%s: %v, want %q", row.name, errs, row.refused)
			}
			continue
		}
		if len(errs) > 0 {
			t.Fatalf("%s: %v", row.name, errs)
		}
		if address := addressOf(out.RateLimitStore); address != row.address {
			t.Errorf("%s: the store is at %q, want %q", row.name, address, row.address)
		}
	}
}

func addressOf(s *routeconfig.RateLimitStore) string {
	if s == nil {
		return ""
	}
	return s.Addresses[0]
}

func TestDefaultsOfStores(t *testing.T) {
	t.Parallel()
	for want, proxy := range map[int]v1alpha1.Proxy{
		1: {}, 3: {Replicas: new(int32(3))}, 9: {Autoscaling: &v1alpha1.Autoscaling{MaxReplicas: 9}},
	} {
		out, errs := compile.Route(route(sharedLimit, func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy = proxy }), compile.Options{RateLimitStore: storeOf("redis.shop.svc:1")})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		s, l := out.RateLimitStore, &out.RateLimits[1]
		if s.Proxies != want || s.Topology != routeconfig.TopologyStandalone || s.Prefix != "fanout:" || time.Duration(s.Timeout) != 50*time.Millisecond {
			t.Errorf("the store is %+v, want %d proxies", s, want)
		}
		if !l.Shared || l.OnStoreFailure != routeconfig.StoreFailureLocalShare || out.RateLimits[0].Shared {
			t.Errorf("the limit is %+v", l)
		}
	}
}
