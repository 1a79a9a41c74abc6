package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/pods"
)

// killNews is how old the kill of a Pod that is seen for the first time may be to be told: an
// operator that starts does not repeat what the one before has told.
const killNews = time.Minute

// kills remembers when the proxies of Pods were killed last; the zero time is never.
type kills struct{ podMemory[time.Time] }

// isNews notes when a Pod's proxy was killed last, and reports whether nobody was told yet.
func (k *kills) isNews(route types.NamespacedName, pod types.UID, at, now time.Time) bool {
	last, seen := k.get(route, pod)
	k.set(route, pod, at)
	if !seen {
		return !at.IsZero() && now.Sub(at) < killNews
	}
	return at.After(last)
}

// tellKills tells of proxies that were killed for want of memory. A container that starts
// again and is ready leaves no other trace for who looks at the route.
func (r *RouteReconciler) tellKills(s *scope) {
	r.kills.keep(s.key, s.pods)
	for i := range s.pods {
		pod := &s.pods[i]
		var at time.Time
		if pod.Killed != 0 {
			at = time.Unix(pod.Killed, 0)
		}
		if !r.kills.isNews(s.key, pod.UID, at, s.now) {
			continue
		}
		bound := "without a limit of its own: the node had no memory left; set spec.proxy.resources.limits.memory"
		if pod.Limit != "" {
			bound = "at its limit of " + pod.Limit + ": raise spec.proxy.resources.limits.memory, or lower " +
				"validation.maxBodySize, backends.maxResponseSize or dispatch.maxInFlight"
		}
		r.Recorder.Eventf(s.route, pod.object, corev1.EventTypeWarning, pods.OOMKilled, "Kill",
			"The proxy of Pod %s was killed for want of memory (%s) %s", pod.Name, pods.OOMKilled, bound)
	}
}
