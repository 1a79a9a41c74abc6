package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fanout-operator/fanout/internal/pods"
)

// killNews is how old the kill of a Pod that is seen for the first time may be to be told: an
// operator that starts does not repeat what the one before has told.
const killNews = time.Minute

// killed is when the proxy of a Pod was killed last, the zero time for never, as far as it
// was seen.
type killed struct {
	seen bool
	at   time.Time
}

// isNews notes when the proxy was killed last, and reports whether nobody was told yet.
func (k *killed) isNews(at, now time.Time) bool {
	last := *k
	*k = killed{true, at}
	if !last.seen {
		return !at.IsZero() && now.Sub(at) < killNews
	}
	return at.After(last.at)
}

// tellKills tells of proxies that were killed for want of memory. A container that starts
// again and is ready leaves no other trace for who looks at the route.
func (r *RouteReconciler) tellKills(s *scope) {
	for i := range s.pods {
		pod := &s.pods[i]
		var at time.Time
		if pod.Killed != 0 {
			at = time.Unix(pod.Killed, 0)
		}
		if !s.memory.pod(pod.UID).killed.isNews(at, s.now) {
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
