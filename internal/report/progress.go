package report

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// reconciling is kstatus': until the spec is served and the Pods are rolled out. Of
// Reconciling and Stalled kstatus takes the first that is True, so only one is. Proxies
// that are lost later are no work under way.
func reconciling(in Input, h hindrance, stalled, programmed, ready verdict) verdict {
	lost := programmed.status == metav1.ConditionFalse && programmed.reason != v1alpha1.ReasonRefused && len(asked(in)) == 0 && once(in)
	switch {
	case stalled.status == metav1.ConditionTrue || programmed.reason == v1alpha1.ReasonNoProxies:
		return no(v1alpha1.ReasonReconciled, "Nothing is under way")
	case !rolledOut(in) && ready.status == metav1.ConditionTrue:
		message := "The rollout of the Pods is not complete"
		if h.message != "" {
			message += "; " + h.message
		}
		return yes(v1alpha1.ReasonReconciling, message)
	case !rolledOut(in) || ready.status != metav1.ConditionTrue && !lost:
		return yes(v1alpha1.ReasonReconciling, ready.message)
	}
	return no(v1alpha1.ReasonReconciled, "Nothing is under way")
}

// stalled is for what retrying cannot help, and for a rollout that Kubernetes gave up.
func stalled(accepted verdict, h hindrance) verdict {
	if accepted.status != metav1.ConditionTrue {
		return yes(accepted.reason, accepted.message)
	}
	if h.reason == v1alpha1.ReasonProgressDeadlineExceeded {
		return yes(h.reason, h.message)
	}
	return no(v1alpha1.ReasonReconciled, "Nothing stands in the way")
}

// lingers reports whether Programmed and Ready still speak of the generation before, which is
// served: an edit reaches the proxies within a second or two, and is no failure meanwhile.
func lingers(in Input, now verdict) bool {
	c := meta.FindStatusCondition(in.Route.Status.Conditions, v1alpha1.ConditionProgrammed)
	return in.Fresh && c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration != in.Route.Generation &&
		now.status == metav1.ConditionFalse && now.reason == v1alpha1.ReasonPending && len(in.Errors) == 0 && in.Conflict == "" &&
		(in.Unasked || len(asked(in)) > 0)
}

// observed is the generation that was served or refused last. One that is given up, or for
// which no proxy is asked, has come to its end too.
func observed(in Input, list []metav1.Condition) int64 {
	programmed, stalled := meta.FindStatusCondition(list, v1alpha1.ConditionProgrammed), meta.FindStatusCondition(list, v1alpha1.ConditionStalled)
	if stalled.Status == metav1.ConditionTrue || programmed.Reason == v1alpha1.ReasonNoProxies ||
		programmed.Status == metav1.ConditionTrue && programmed.ObservedGeneration == in.Route.Generation {
		return in.Route.Generation
	}
	return in.Route.Status.ObservedGeneration
}

// Told is the newest generation that a status says anything of, whether it is served or not.
func Told(status *v1alpha1.FanoutRouteStatus) int64 {
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReconciling); c != nil {
		return max(status.ObservedGeneration, c.ObservedGeneration)
	}
	return status.ObservedGeneration
}
