package compile

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func (c *compiler) retry(path *field.Path, r *v1alpha1.Retry) *routeconfig.Retry {
	if r == nil {
		return nil
	}
	out := &routeconfig.Retry{
		Attempts:       int(cmp.Or(r.Attempts, 3)),
		AttemptTimeout: c.duration(path.Child("attemptTimeout"), value(r.AttemptTimeout)),
		Methods:        string(cmp.Or(r.Methods, v1alpha1.RetryIdempotent)),
		RetryOn:        r.RetryOn,
		InitialBackoff: c.durationOr(path.Child("backoff", "initial"), r.Backoff.Initial, "50ms"),
		MaxBackoff:     c.durationOr(path.Child("backoff", "max"), r.Backoff.Max, "1s"),
		BudgetPercent:  given(r.BudgetPercent, 20),
	}
	if len(out.RetryOn) == 0 {
		out.RetryOn = []string{"connect", "429", "502", "503", "504"}
	}
	return out
}

func (c *compiler) hedge(path *field.Path, h *v1alpha1.Hedge) *routeconfig.Hedge {
	if h == nil {
		return nil
	}
	return &routeconfig.Hedge{
		Delay:         c.duration(path.Child("delay"), value(h.Delay)),
		Percentile:    int(value(h.Percentile)),
		Max:           int(cmp.Or(h.Max, 1)),
		BudgetPercent: given(h.BudgetPercent, 10),
	}
}

func (c *compiler) circuitBreaker(path *field.Path, b *v1alpha1.CircuitBreaker) *routeconfig.CircuitBreaker {
	if b == nil {
		return nil
	}
	return &routeconfig.CircuitBreaker{
		FailurePercent:   int(cmp.Or(b.FailurePercent, 50)),
		MinimumRequests:  int(cmp.Or(b.MinimumRequests, 20)),
		Window:           c.durationOr(path.Child("window"), b.Window, "30s"),
		OpenFor:          c.durationOr(path.Child("openFor"), b.OpenFor, "10s"),
		HalfOpenRequests: int(cmp.Or(b.HalfOpenRequests, 1)),
		SlowerThan:       c.duration(path.Child("slowerThan"), value(b.SlowerThan)),
	}
}

// given is a number of which 0 is a value.
func given(n *int32, fallback int) int {
	if n == nil {
		return fallback
	}
	return int(*n)
}
