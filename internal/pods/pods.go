// Package pods reads from a Pod what matters of its proxy: where it is asked, whether it
// takes calls, what keeps it from starting. It is the one place that knows how kubelets say
// so, and is pure.
package pods

import (
	"net"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
)

// Facts are what is known of a Pod that has a proxy, or is to have one. Equal ones mean that
// nothing has changed that anybody looks at.
type Facts struct {
	Name string
	UID  types.UID
	// Sidecar is set where the proxy is an init container beside an application.
	Sidecar bool
	// Done is set where all containers have ended for good, Leaving where the Pod is being
	// deleted.
	Done, Leaving bool
	// Started is set where the proxy answers the operator, even if it takes no calls yet: it
	// may say what it lacks. Ready is set where it takes calls. A sidecar does once it has
	// started, whatever the application says of itself.
	Started, Ready bool
	// StatusURL is where the proxy is asked; empty where it is not to be.
	StatusURL string
	// Trouble is what keeps the proxy from starting, empty where nothing is known to. It
	// names no Pod and counts nothing, so that it stays the same while the trouble does.
	Trouble string
	// Killed is when the proxy was last ended for want of memory, in Unix seconds; 0 for
	// never. Limit is the memory that it may take; empty where that is the node's.
	Killed int64
	Limit  string
}

// Of reads the facts of a Pod. It needs no more of it than the operator's cache keeps:
// names, ports and memory limits of containers, and the status.
func Of(pod *corev1.Pod) Facts {
	proxy := Proxy(pod)
	f := Facts{
		Name: pod.Name, UID: pod.UID, Sidecar: HasSidecar(pod),
		Done:    pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed,
		Leaving: pod.DeletionTimestamp != nil,
		Started: started(pod), Ready: ready(pod), Trouble: trouble(pod), Killed: killedAt(pod, proxy.Name),
	}
	if limit, ok := proxy.Resources.Limits[corev1.ResourceMemory]; ok {
		f.Limit = limit.String()
	}
	if port := adminPort(pod); (f.Started || f.Ready) && pod.Status.PodIP != "" && port != 0 {
		f.StatusURL = "http://" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(port))) + "/status"
	}
	return f
}

// HasSidecar reports whether a Pod has our proxy beside an application.
func HasSidecar(pod *corev1.Pod) bool { return slices.ContainsFunc(pod.Spec.InitContainers, isSidecar) }

func isSidecar(c corev1.Container) bool { return c.Name == v1alpha1.SidecarName }

// Proxy is the container of a Pod's proxy: an application may have one of the same name
// as the proxy's own Pods.
func Proxy(pod *corev1.Pod) corev1.Container {
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

// adminPort is the port by its name. Beside a sidecar the application may have one of that
// name, too.
func adminPort(pod *corev1.Pod) int32 {
	list := pod.Spec.Containers
	if i := slices.IndexFunc(pod.Spec.InitContainers, isSidecar); i >= 0 {
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

func started(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if c.Name == v1alpha1.SidecarName || c.Name == v1alpha1.ProxyName {
			return runs(&c)
		}
	}
	return false
}

func ready(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	for i := range pod.Status.InitContainerStatuses {
		if c := &pod.Status.InitContainerStatuses[i]; c.Name == v1alpha1.SidecarName {
			return runs(c)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func runs(c *corev1.ContainerStatus) bool {
	return c.Started != nil && *c.Started && c.State.Running != nil
}

// OOMKilled is the reason that kubelets give for a container that the kernel ended for want
// of memory.
const OOMKilled = "OOMKilled"

func killedAt(pod *corev1.Pod, name string) int64 {
	var last time.Time
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if c.Name != name {
			continue
		}
		for _, t := range [...]*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if t != nil && t.Reason == OOMKilled && t.FinishedAt.After(last) {
				last = t.FinishedAt.Time
			}
		}
	}
	if last.IsZero() {
		return 0
	}
	return last.Unix()
}
