package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// trouble is what keeps the proxy of a Pod from starting. Of a Pod with a sidecar the
// sidecar alone matters: where its application waits for a node, or for an image, is the
// application's business.
func trouble(pod *corev1.Pod) string {
	if pod.DeletionTimestamp != nil || ready(pod) {
		return ""
	}
	statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	if HasSidecar(pod) {
		statuses = slices.DeleteFunc(statuses, func(c corev1.ContainerStatus) bool { return c.Name != v1alpha1.SidecarName })
	} else {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason != "" {
				return said(c.Reason, c.Message)
			}
		}
	}
	for i := range statuses {
		if line := halted(&statuses[i]); line != "" {
			return "container " + statuses[i].Name + ": " + line
		}
	}
	return ""
}

func said(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}

// halted is why a container does not run. Kubelets alternate between two reasons for an
// image that cannot be had, and between three states of a process that ends again and again;
// their messages hold times and identifiers.
func halted(c *corev1.ContainerStatus) string {
	if w := c.State.Waiting; w != nil {
		switch w.Reason {
		case "", "ContainerCreating", "PodInitializing", "CrashLoopBackOff":
		case "ErrImagePull", "ImagePullBackOff":
			return fmt.Sprintf("ImagePullBackOff: image %q", c.Image)
		case "CreateContainerConfigError", "InvalidImageName":
			return said(w.Reason, w.Message)
		default:
			return w.Reason
		}
	}
	if t := c.LastTerminationState.Terminated; t != nil && c.RestartCount > 0 && !c.Ready {
		return fmt.Sprintf("CrashLoopBackOff: %s, exit code %d", t.Reason, t.ExitCode)
	}
	return ""
}
