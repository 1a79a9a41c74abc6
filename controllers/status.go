package controllers

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	applyv1alpha1 "github.com/fanout-operator/fanout/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// poll says which proxies are to be asked from now on.
func (r *RouteReconciler) poll(s *scope) {
	document := s.hash
	if len(s.errors) > 0 { // the proxies go on with the last document
		document = lastDocument(s)
	}
	var targets []rates.Target
	for i := range s.pods {
		pod := &s.pods[i]
		if port := adminPort(pod); (report.Started(pod) || report.Ready(pod)) && pod.Status.PodIP != "" && port != 0 {
			host := net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(port)))
			targets = append(targets, rates.Target{Name: pod.Name, URL: "http://" + host + "/status"})
		}
	}
	s.asked = len(targets)
	r.Rates.Set(s.key, targets, document)
}

// lastDocument is the hash of the document that the route had when it was accepted.
func lastDocument(s *scope) string {
	if c, ok := s.live["ConfigMap"].(*corev1.ConfigMap); ok {
		return routeconfig.Hash([]byte(c.Data[desired.DocumentKey]))
	}
	return ""
}

func adminPort(pod *corev1.Pod) int32 {
	list := pod.Spec.Containers
	if i := slices.IndexFunc(pod.Spec.InitContainers, isSidecar); i >= 0 { // the application may have a port of that name
		list = pod.Spec.InitContainers[i : i+1]
	}
	for i := range list {
		for _, p := range list[i].Ports {
			if p.Name == desired.AdminPortName {
				return p.ContainerPort
			}
		}
	}
	return 0
}

// report writes the status where it differs from the one that is there. It returns
// when to come again with what may wait; 0 for not at all.
func (r *RouteReconciler) report(ctx context.Context, s *scope, now time.Time) (time.Duration, error) {
	in := report.Input{
		Route: s.route, Operator: r.Proxies.Operator, Errors: s.errors, Conflict: s.conflict, Refused: s.refused, Document: s.hash,
		URL: desired.URL(s.route), Selector: desired.Selector(s.route),
		Pods: s.pods, Missed: s.missed, Seen: r.Rates.Shown(s.key), Now: metav1.NewTime(now),
	}
	in.Unasked = s.asked > 0 && in.Seen == nil
	if d, ok := s.live["Deployment"].(*appsv1.Deployment); ok {
		in.Replicas, in.ReadyReplicas = d.Status.Replicas, d.Status.ReadyReplicas
	}
	if s.route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
		in.Replicas = int32(len(s.pods)) //nolint:gosec // a number of Pods
		for i := range s.pods {
			if report.Ready(&s.pods[i]) {
				in.ReadyReplicas++
			}
		}
	}
	status := report.Status(in)
	if equality.Semantic.DeepEqual(status, s.route.Status) {
		return 0, nil
	}
	if report.SameConditions(&status, &s.route.Status) {
		if wait := r.writes.wait(s.key, now); wait > 0 {
			return wait, nil
		}
	}
	intent, err := statusIntent(s.route, &status)
	if err != nil {
		return 0, err
	}
	if err := r.Client.Status().Apply(ctx, intent, fieldManager, client.ForceOwnership); err != nil {
		return 0, fmt.Errorf("write status of %s: %w", s.key, client.IgnoreNotFound(err))
	}
	r.announce(s.route, status.Conditions)
	return 0, nil
}

// writeSpan is the span in which a route's status is written at most twice, unless a
// condition changes: a Job's Pods come and go by the dozen.
const writeSpan = time.Minute

// writes remembers the last two of such writes of each route, newest first.
type writes struct {
	mu   sync.Mutex
	last map[types.NamespacedName][2]time.Time
}

// wait returns how long a write has to wait, and counts one that has not.
func (w *writes) wait(route types.NamespacedName, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.last[route]
	if wait := last[1].Add(writeSpan).Sub(now); wait > 0 {
		return wait
	}
	if w.last == nil {
		w.last = map[types.NamespacedName][2]time.Time{}
	}
	w.last[route] = [2]time.Time{now, last[0]}
	return 0
}

func (w *writes) forget(route types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.last, route)
}

// statusIntent is the status as an apply configuration, which is the same JSON.
func statusIntent(route *v1alpha1.FanoutRoute, status *v1alpha1.FanoutRouteStatus) (*applyv1alpha1.FanoutRouteApplyConfiguration, error) {
	intent := &applyv1alpha1.FanoutRouteStatusApplyConfiguration{}
	if err := convert(status, intent); err != nil {
		return nil, fmt.Errorf("convert status: %w", err)
	}
	return applyv1alpha1.FanoutRoute(route.Name, route.Namespace).WithStatus(intent), nil
}

// announce makes an event of each condition that has changed its status and that
// somebody waits for.
func (r *RouteReconciler) announce(route *v1alpha1.FanoutRoute, now []metav1.Condition) {
	told := map[string]bool{} // Ready repeats the message of the condition that it hangs on
	for _, kind := range [...]string{
		v1alpha1.ConditionAccepted, v1alpha1.ConditionResolvedRefs, v1alpha1.ConditionReady, v1alpha1.ConditionBackendsHealthy,
		v1alpha1.ConditionSidecarsInjected,
	} {
		before, after := meta.FindStatusCondition(route.Status.Conditions, kind), meta.FindStatusCondition(now, kind)
		if after == nil || before != nil && before.Status == after.Status || after.Status == metav1.ConditionUnknown {
			continue
		}
		if before == nil && after.Status == metav1.ConditionTrue && kind != v1alpha1.ConditionReady {
			continue // nothing was wrong before
		}
		if told[after.Message] {
			continue
		}
		told[after.Message] = true
		eventType, action := corev1.EventTypeNormal, kind+"Became"+string(after.Status)
		if after.Status == metav1.ConditionFalse {
			eventType = corev1.EventTypeWarning
		}
		r.Recorder.Eventf(route, nil, eventType, after.Reason, action, "%s", after.Message)
	}
}
