package report

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// worse reports whether a status tells bad news beside the one before: a condition is no
// longer as it should be, a backend is worse off, or has failed for the first time.
func worse(now, before *v1alpha1.FanoutRouteStatus) bool {
	for _, c := range now.Conditions {
		old := meta.FindStatusCondition(before.Conditions, c.Type)
		if bad(&c) && (old == nil || !bad(old)) {
			return true
		}
	}
	for i := range now.Backends {
		b, old := &now.Backends[i], backendOf(before, now.Backends[i].Name)
		if ill(b.State) > ill(old.State) || b.LastFailure != nil && old.LastFailure == nil {
			return true
		}
	}
	return false
}

// recovered reports whether a backend is better off: who looks after an outage waits for that.
func recovered(now, before *v1alpha1.FanoutRouteStatus) bool {
	for i := range now.Backends {
		if b := &now.Backends[i]; ill(b.State) < ill(backendOf(before, b.Name).State) {
			return true
		}
	}
	return false
}

// bad reports whether a condition says that something is wrong; not whether anything is
// under way, or unknown.
func bad(c *metav1.Condition) bool {
	switch c.Type {
	case v1alpha1.ConditionReconciling:
		return false
	case v1alpha1.ConditionStalled:
		return c.Status == metav1.ConditionTrue
	}
	return c.Status == metav1.ConditionFalse
}
