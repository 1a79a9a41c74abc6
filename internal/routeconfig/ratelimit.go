package routeconfig

import "errors"

// MaxRateLimits is how many limits on calls a route has at most.
const MaxRateLimits = 8

// RateLimit is a bucket of Burst calls, refilled with Requests in each Per.
type RateLimit struct {
	Name     string   `json:"name"`
	Requests int      `json:"requests"`
	Per      Duration `json:"per"`
	Burst    int      `json:"burst"`
	// Key is KeyNone, KeyHeader, KeyClientIP, KeyCaller or KeyExpression.
	Key    string `json:"key,omitempty"`
	Header string `json:"header,omitempty"`
	// Expression yields the key of KeyExpression.
	Expression string `json:"expression,omitempty"`
	// Report admits what is beyond the limit, and counts it.
	Report bool `json:"report,omitempty"`
	// Wait lets requests beyond a backend's limit wait, within its timeout.
	Wait bool `json:"wait,omitempty"`
	// Shared has all proxies of the route count together, in its store. OnStoreFailure says
	// what becomes of calls while that does not answer.
	Shared         bool   `json:"shared,omitempty"`
	OnStoreFailure string `json:"onStoreFailure,omitempty"`
	// Told says that responses have the fields that tell of the limit.
	Told bool `json:"told,omitempty"`
}

// What tells callers apart in a rate limit.
const (
	KeyNone       = ""
	KeyHeader     = "header"
	KeyClientIP   = "clientIP"
	KeyCaller     = "caller"
	KeyExpression = "expression"
)

func (l *RateLimit) validate() error {
	errs := []error{
		between("rateLimit.requests", int64(l.Requests), 1, 1_000_000),
		between("rateLimit.burst", int64(l.Burst), 1, 1_000_000),
		between("rateLimit.per", int64(l.Per), 1, l.maxPer()),
		oneOf("rateLimit.key", l.Key, KeyNone, KeyHeader, KeyClientIP, KeyCaller, KeyExpression),
	}
	if (l.Key == KeyExpression) != (l.Expression != "") {
		errs = append(errs, errors.New("rateLimit.expression goes with the key expression"))
	}
	if l.Shared {
		errs = append(errs, oneOf("rateLimit.onStoreFailure", l.OnStoreFailure, StoreFailureAllow, StoreFailureDeny, StoreFailureLocalShare))
	}
	if l.Report && l.Told {
		errs = append(errs, errors.New("rateLimit.told cannot go with report"))
	}
	return errors.Join(errs...)
}

// maxPer is a day, or a month of 31 days in a store, which outlives proxies.
func (l *RateLimit) maxPer() int64 {
	if l.Shared {
		return 31 * maxSpan
	}
	return maxSpan
}
