package controllers

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

const (
	// oomKilled is the reason that kubelets give for a container that the kernel ended for
	// want of memory.
	oomKilled = "OOMKilled"
	// killNews is how old the kill of a Pod that is seen for the first time may be to be
	// told: an operator that starts does not repeat what the one before has told.
	killNews = time.Minute
)

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
		if !r.kills.isNews(s.key, pod.UID, killedAt(pod), s.now) {
			continue
		}
		bound := "without a limit of its own: the node had no memory left; set spec.proxy.resources.limits.memory"
		if limit, ok := proxyIn(pod).Resources.Limits[corev1.ResourceMemory]; ok {
			bound = "at its limit of " + limit.String() + ": raise spec.proxy.resources.limits.memory, or lower " +
				"validation.maxBodySize, backends.maxResponseSize or dispatch.maxInFlight"
		}
		r.Recorder.Eventf(s.route, pod, corev1.EventTypeWarning, oomKilled, "Kill",
			"The proxy of Pod %s was killed for want of memory (%s) %s", pod.Name, oomKilled, bound)
	}
}

// killedAt is when the proxy of a Pod was killed last for want of memory; zero for never.
func killedAt(pod *corev1.Pod) (at time.Time) {
	name := proxyIn(pod).Name
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if c.Name != name {
			continue
		}
		for _, t := range [...]*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if t != nil && t.Reason == oomKilled && t.FinishedAt.After(at) {
				at = t.FinishedAt.Time
			}
		}
	}
	return at
}

// proxyIn is the container of a Pod's proxy: an application may have one of the same name
// as the proxy's own Pods.
func proxyIn(pod *corev1.Pod) corev1.Container {
	if i := slices.IndexFunc(pod.Spec.InitContainers, isSidecar); i >= 0 {
		return pod.Spec.InitContainers[i]
	}
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == v1alpha1.ProxyName {
			return pod.Spec.Containers[i]
		}
	}
	return corev1.Container{Name: v1alpha1.ProxyName}
}
