package survey

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// Row is one route in a list.
type Row struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Ready     string `json:"ready"`
	// Reason is that of the worst condition, Message what it says where that is bad.
	Reason   string `json:"reason"`
	Backends string `json:"backends,omitempty"`
	Success  string `json:"success,omitempty"`
	P99      string `json:"p99,omitempty"`
	Rate     string `json:"rate,omitempty"`
	Age      string `json:"age"`
	Message  string `json:"message,omitempty"`
	// Stale is for how long no operator has written this; empty where one does.
	Stale string `json:"stale,omitempty"`
}

// Rows are routes with the first thing that is wrong with each. It costs one Lease an operator.
func (c *Cluster) Rows(ctx context.Context, routes []v1alpha1.FanoutRoute, now time.Time) []Row {
	rows := []Row{}
	operators := map[string]string{}
	for i := range routes {
		of := routes[i].Status.Operator
		stale, known := operators[of]
		if !known {
			stale = c.Stale(ctx, of, now)
			operators[of] = stale
		}
		r := rowOf(&routes[i], now)
		r.Stale = stale
		rows = append(rows, r)
	}
	return rows
}

// rowOf is what a route says of itself.
func rowOf(route *v1alpha1.FanoutRoute, now time.Time) Row {
	r := Row{
		Namespace: route.Namespace, Name: route.Name, Ready: string(metav1.ConditionUnknown), Reason: v1alpha1.ReasonPending,
		Backends: route.Status.HealthyBackends, Age: age(now, route.CreationTimestamp.Time),
	}
	if ready := meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		r.Ready = string(ready.Status)
	}
	if worst := worst(route); worst != nil {
		r.Reason = worst.Reason
		if IsBad(worst) {
			r.Message = worst.Message
		}
	}
	if t := route.Status.Traffic; t != nil {
		r.Success, r.Rate = t.SuccessRate, t.RequestRate
		if t.Latency != nil {
			r.P99 = t.Latency.P99
		}
	}
	return r
}

// age is how long ago something was. By a clock that is behind that of the API server it may not
// have been yet.
func age(now, of time.Time) string { return duration.HumanDuration(max(now.Sub(of), 0)) }

// byWeight are the conditions in the order in which they hurt. Ready is the sum of the first.
func byWeight() []string {
	return []string{
		v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionResolvedRefs, v1alpha1.ConditionProgrammed,
		v1alpha1.ConditionBackendsHealthy, v1alpha1.ConditionSidecarsInjected, v1alpha1.ConditionRateLimitStoreReachable,
	}
}

// worst is the first condition that is bad, or Ready; nil where there is neither.
func worst(route *v1alpha1.FanoutRoute) *metav1.Condition {
	for _, kind := range byWeight() {
		if c := meta.FindStatusCondition(route.Status.Conditions, kind); c != nil && IsBad(c) {
			return c
		}
	}
	return meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionReady)
}

// IsBad reports whether a condition is not as it should be. That nothing is known of backends
// without traffic is no fault.
func IsBad(c *metav1.Condition) bool {
	switch c.Type {
	case v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled:
		return c.Status == metav1.ConditionTrue
	}
	return c.Status != metav1.ConditionTrue && c.Reason != v1alpha1.ReasonNoTraffic
}
