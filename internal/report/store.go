package report

import (
	"slices"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
)

// shares reports whether the route has a limit that is counted in a store.
func shares(in Input) bool {
	return slices.ContainsFunc(in.Route.Spec.RateLimits, func(l v1alpha1.CallRateLimit) bool { return l.Scope == v1alpha1.ScopeRoute })
}

// storeReachable is False as soon as one proxy's store does not answer: what the limits count
// is then not all that there is.
func storeReachable(in Input) verdict {
	if v, ok := held(in, v1alpha1.ConditionRateLimitStoreReachable); ok {
		return v
	}
	if in.Seen == nil || in.Seen.Sum.Store == nil || !slices.ContainsFunc(in.Seen.Proxies, rates.Proxy.Heard) {
		return unknown(v1alpha1.ReasonPending, untold)
	}
	if s := in.Seen.Sum.Store; !s.Answers {
		return no(v1alpha1.ReasonStoreUnreachable, "The store of rate limits does not answer a proxy, whose limits do what onStoreFailure says: "+Cut(s.Fault, maxLine))
	}
	return yes(v1alpha1.ReasonStoreReachable, "The store of rate limits answers")
}
