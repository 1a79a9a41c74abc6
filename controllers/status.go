package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// poll says which proxies are to be asked from now on.
func (r *RouteReconciler) poll(s *scope) {
	var targets []rates.Target
	for i := range s.pods {
		if pod := &s.pods[i]; pod.StatusURL != "" {
			targets = append(targets, rates.Target{Name: pod.Name, URL: pod.StatusURL})
		}
	}
	s.asked = len(targets)
	r.Rates.Set(s.key, targets, wanted(s))
}

// wanted is what the proxies are to serve, and the names that they may speak of. Where
// the spec is refused, they go on with the last document, whose names nobody knows any more.
func wanted(s *scope) rates.Want {
	if len(s.errors) > 0 {
		return rates.Want{Document: lastDocument(s)}
	}
	w := rates.Want{Document: s.hash, Backends: []string{}, Secrets: slices.Concat([]string{}, s.secrets), ConfigMaps: slices.Concat([]string{}, s.configMaps), Rules: slices.Concat([]string{}, s.rules), Audiences: s.audiences}
	for i := range s.route.Spec.Backends {
		w.Backends = append(w.Backends, string(s.route.Spec.Backends[i].Name))
	}
	return w
}

// lastDocument is the hash of the document that the route had when it was accepted.
func lastDocument(s *scope) string {
	if c, ok := s.live["ConfigMap"].(*corev1.ConfigMap); ok {
		if noted, ok := c.Annotations[documentNote]; ok {
			return noted
		}
		return routeconfig.Hash([]byte(c.Data[desired.DocumentKey]))
	}
	return ""
}

// report writes the status where it differs from the one that is there. It returns
// when to come again with what may wait; 0 for not at all.
func (r *RouteReconciler) report(ctx context.Context, s *scope, now time.Time) (time.Duration, error) {
	in := report.Input{
		Route: s.route, Operator: r.Proxies.Operator, Errors: s.errors, Conflict: s.conflict, Refused: s.refused, Document: s.hash,
		URL: desired.URL(s.route), Selector: desired.Selector(s.route),
		Absent: s.absent, Pods: s.facts(), Missed: s.missed, Seen: r.Rates.Shown(s.key), Now: metav1.NewTime(now),
	}
	in.Unasked = s.asked > 0 && in.Seen == nil
	again := s.memory.editLeft(s.route, now)
	in.Stale, in.Fresh = s.stale, again > 0
	for _, remark := range s.remarks {
		in.Remarks = append(in.Remarks, report.Remark(remark))
	}
	if d, ok := s.live["Deployment"].(*appsv1.Deployment); ok {
		in.Deployment, in.Replicas, in.ReadyReplicas = d, d.Status.Replicas, d.Status.ReadyReplicas
	}
	if s.route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
		in.Replicas = int32(len(s.pods)) //nolint:gosec // a number of Pods
		for i := range s.pods {
			if s.pods[i].Ready {
				in.ReadyReplicas++
			}
		}
	}
	r.announceRefusals(s, in.Seen, now)
	status := report.Status(in)
	s.memory.note(status.Conditions)
	if status.ObservedGeneration == s.route.Generation {
		s.memory.editEnds()
		again = 0
	}
	if equality.Semantic.DeepEqual(status, s.route.Status) {
		return again, nil
	}
	if s.memory.isBehind(s.route) {
		return sooner(again, lag), nil
	}
	if wait := s.memory.hushed(&status, &s.route.Status, s.route.Generation, now); wait > 0 {
		return sooner(again, wait), nil
	}
	tells := report.News(&status, &s.route.Status)
	if wait := s.memory.budget.Wait(tells, now); wait > 0 {
		r.metrics().deferred.WithLabelValues(tells.String()).Inc()
		return sooner(again, wait), nil
	}
	version, err := r.writeStatus(ctx, s.route, &status, "")
	switch {
	case apierrors.IsNotFound(err): // it went meanwhile
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("write status of %s: %w", s.key, err)
	}
	s.memory.told = version
	r.metrics().written.WithLabelValues(tells.String()).Inc()
	logTransitions(ctx, s, status.Conditions)
	r.announce(s.route, status.Conditions)
	r.announceProgress(s.route, status.Conditions)
	r.announceCertificates(s.route, &status)
	return again, nil
}

// writeStatus applies a status, where a version is given to the route as it was then alone, and returns the version that this
// leaves. Of the answer nobody reads more: the whole route, which it would be, is written and read for nothing.
func (r *RouteReconciler) writeStatus(ctx context.Context, route *v1alpha1.FanoutRoute, status *v1alpha1.FanoutRouteStatus, version string) (string, error) {
	answer := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: route.Name, Namespace: route.Namespace, ResourceVersion: version}}
	answer.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("FanoutRoute"))
	intent, err := json.Marshal(struct {
		*metav1.PartialObjectMetadata

		Status *v1alpha1.FanoutRouteStatus `json:"status"`
	}{answer, status})
	if err != nil {
		return "", fmt.Errorf("encode status: %w", err)
	}
	err = r.Client.Status().Patch(ctx, answer, client.RawPatch(types.ApplyPatchType, intent), fieldManager, client.ForceOwnership)
	return answer.ResourceVersion, err
}

// announce makes an event of each condition that has changed its status and that
// somebody waits for.
func (r *RouteReconciler) announce(route *v1alpha1.FanoutRoute, now []metav1.Condition) {
	begins := conditionOf(route.Status.Conditions, v1alpha1.ConditionReady).Reason == v1alpha1.ReasonPending
	told := map[string]bool{} // Ready repeats the message of the condition that it hangs on
	for _, kind := range [...]string{
		v1alpha1.ConditionAccepted, v1alpha1.ConditionResolvedRefs, v1alpha1.ConditionReady, v1alpha1.ConditionBackendsHealthy,
		v1alpha1.ConditionSidecarsInjected,
	} {
		before, after := meta.FindStatusCondition(route.Status.Conditions, kind), meta.FindStatusCondition(now, kind)
		if after == nil || before != nil && before.Status == after.Status || after.Status == metav1.ConditionUnknown {
			continue
		}
		if after.Status == metav1.ConditionTrue && kind != v1alpha1.ConditionReady && (before == nil || begins && before.Status == metav1.ConditionUnknown) {
			continue // nothing was wrong before
		}
		if starts(before, after) || told[after.Message] {
			continue
		}
		told[after.Message] = true
		eventType, action := corev1.EventTypeNormal, kind+"Became"+string(after.Status)
		if after.Status == metav1.ConditionFalse {
			eventType = corev1.EventTypeWarning
		}
		r.Recorder.Eventf(route, nil, eventType, after.Reason, action, "%s", report.Cut(after.Message, report.MaxNote))
	}
}
