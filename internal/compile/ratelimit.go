package compile

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func (c *compiler) rateLimits() []routeconfig.RateLimit {
	var out []routeconfig.RateLimit
	for i := range c.route.Spec.RateLimits {
		l, path := &c.route.Spec.RateLimits[i], spec().Child("rateLimits").Index(i)
		limit := routeconfig.RateLimit{
			Name:     string(l.Name),
			Requests: int(l.Requests),
			Per:      c.durationOr(path.Child("per"), l.Per, "1s"),
			Burst:    int(cmp.Or(value(l.Burst), l.Requests)),
			Report:   l.Mode == v1alpha1.RateLimitReport,
		}
		limit.Shared, limit.OnStoreFailure = counted(l.Scope, l.OnStoreFailure)
		limit.Told = !limit.Report && l.Fields != v1alpha1.RateLimitFieldsNone
		if l.Key != nil {
			if headers.Same(string(l.Key.Header), "Host") {
				c.refuse(path.Child("key", "header"), string(l.Key.Header), "is no field of a request here: let key have type Expression, with the expression request.host")
			}
			limit.Key, limit.Header = keyType(l.Key.Type), string(l.Key.Header)
			limit.Expression = c.expression(path.Child("key", "expression"), l.Key.Expression, expression.Key)
		}
		out = append(out, limit)
	}
	return out
}

// counted says whether a limit is counted with other proxies, and what it does without the
// store.
func counted(scope v1alpha1.RateLimitScope, fallback v1alpha1.OnStoreFailure) (shared bool, onStoreFailure string) {
	if scope != v1alpha1.ScopeRoute {
		return false, ""
	}
	return true, string(cmp.Or(fallback, v1alpha1.OnStoreFailureLocalShare))
}

func keyType(t v1alpha1.RateLimitKeyType) string {
	switch t {
	case v1alpha1.KeyClientIP:
		return routeconfig.KeyClientIP
	case v1alpha1.KeyCaller:
		return routeconfig.KeyCaller
	case v1alpha1.KeyExpression:
		return routeconfig.KeyExpression
	case v1alpha1.KeyHeader:
	}
	return routeconfig.KeyHeader
}

func (c *compiler) backendRateLimit(path *field.Path, b *v1alpha1.Backend) *routeconfig.RateLimit {
	l := b.RateLimit
	if l == nil {
		return nil
	}
	out := &routeconfig.RateLimit{
		Name:     string(b.Name),
		Requests: int(l.Requests),
		Per:      c.durationOr(path.Child("per"), l.Per, "1s"),
		Burst:    int(l.Requests),
		Wait:     l.OnLimit == v1alpha1.OnLimitWait,
	}
	out.Shared, out.OnStoreFailure = counted(l.Scope, l.OnStoreFailure)
	return out
}
