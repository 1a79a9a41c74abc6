package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
)

// announceProgress makes events of what no condition's status tells while Ready stays as it
// is: an edit that is served, Pods that are refused, a rollout that was given up.
func (r *RouteReconciler) announceProgress(route *v1alpha1.FanoutRoute, now []metav1.Condition) {
	before := func(kind string) metav1.Condition { return conditionOf(route.Status.Conditions, kind) }
	after := func(kind string) metav1.Condition { return conditionOf(now, kind) }
	if before(v1alpha1.ConditionReady).Status != after(v1alpha1.ConditionReady).Status {
		return // Ready itself tells
	}
	was, programmed := before(v1alpha1.ConditionProgrammed), after(v1alpha1.ConditionProgrammed)
	if was.Status == metav1.ConditionTrue && programmed.Status == metav1.ConditionTrue && was.ObservedGeneration != programmed.ObservedGeneration &&
		before(v1alpha1.ConditionReconciling).Status == metav1.ConditionTrue { // it was told that it is under way
		r.Recorder.Eventf(route, nil, corev1.EventTypeNormal, v1alpha1.ReasonProgrammed, "ServeEdit", "The edited spec is served by every ready proxy")
	}
	told := programmed
	if stalled := after(v1alpha1.ConditionStalled); stalled.Status == metav1.ConditionTrue && before(v1alpha1.ConditionStalled).Status != metav1.ConditionTrue {
		told = stalled
	} else if was.Reason == programmed.Reason {
		return
	}
	switch told.Reason {
	case v1alpha1.ReasonReplicaFailure, v1alpha1.ReasonProgressDeadlineExceeded:
		r.Recorder.Eventf(route, nil, corev1.EventTypeWarning, told.Reason, "RollOut", "%s", report.Cut(told.Message, report.MaxNote))
	}
}

// starts reports whether a condition is no news: the proxies of a route that is new, or
// that had none, are on their way.
func starts(before, after *metav1.Condition) bool {
	return after.Reason == v1alpha1.ReasonPending &&
		(before == nil || before.Reason == v1alpha1.ReasonPending || before.Reason == v1alpha1.ReasonNoProxies)
}

func conditionOf(list []metav1.Condition, kind string) metav1.Condition {
	if c := meta.FindStatusCondition(list, kind); c != nil {
		return *c
	}
	return metav1.Condition{}
}
