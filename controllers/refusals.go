package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
)

// refusalsEvery is the least time between two events about the calls that a route refuses.
const refusalsEvery = time.Hour

// announceRefusals makes an event where many calls are refused. No condition says it: callers
// may well be at fault. What a status says that this process finds, the operator before it has told:
// events may not be read here, and each restart would tell it again.
func (r *RouteReconciler) announceRefusals(s *scope, seen *rates.Observation, now time.Time) {
	if first := s.memory.conditions.Load() == nil; first && report.ToldRefused(s.route.Status.Traffic) {
		s.memory.refused = now
	}
	says, many := report.CallsRefused(seen)
	if !many || !s.memory.refused.IsZero() && now.Sub(s.memory.refused) < refusalsEvery {
		return
	}
	s.memory.refused = now
	r.Recorder.Eventf(s.route, nil, corev1.EventTypeWarning, v1alpha1.ReasonCallsRefused, "RefuseCalls", "%s", report.Cut(says, report.MaxNote))
}

// announceCertificates makes an event where a certificate is about to end: references are
// resolved still, so that no condition changes its status.
func (r *RouteReconciler) announceCertificates(route *v1alpha1.FanoutRoute, status *v1alpha1.FanoutRouteStatus) {
	before := conditionOf(route.Status.Conditions, v1alpha1.ConditionResolvedRefs)
	after := conditionOf(status.Conditions, v1alpha1.ConditionResolvedRefs)
	if after.Reason != v1alpha1.ReasonCertificateExpiring || before.Reason == after.Reason && before.Message == after.Message {
		return
	}
	r.Recorder.Eventf(route, nil, corev1.EventTypeWarning, after.Reason, "ForeseeEnd", "%s", report.Cut(after.Message, report.MaxNote))
}
