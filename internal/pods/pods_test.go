package pods_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/pods"
)

// A sidecar serves as soon as it has started, whatever the application says.
func TestReadySidecar(t *testing.T) {
	t.Parallel()
	p := corev1.Pod{}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	for _, row := range []struct {
		state corev1.ContainerState
		want  bool
	}{
		{corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, true},
		{corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}, false},
	} {
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: v1alpha1.SidecarName, Started: new(true), State: row.state}}
		if pods.Of(&p).Ready != row.want {
			t.Errorf("%+v is ready: %v", row.state, !row.want)
		}
	}
	p.DeletionTimestamp = &metav1.Time{}
	if pods.Of(&p).Ready {
		t.Error("a Pod that goes is ready")
	}
}

// R2: of a Pod with a sidecar the sidecar alone matters, whatever the application is called.
func TestR2TroubleOfApplicationsIsTheirs(t *testing.T) {
	t.Parallel()
	p := corev1.Pod{}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "proxy", Image: "ghcr.io/fanout:no",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}
	p.Spec.InitContainers = []corev1.Container{{Name: v1alpha1.SidecarName}}
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: v1alpha1.SidecarName, Image: "fanout:no"}}
	if got := pods.Of(&p).Trouble; got != "" {
		t.Errorf("the application's trouble is told: %q", got)
	}
	p.Status.InitContainerStatuses[0].State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}
	if got := pods.Of(&p).Trouble; got != `container fanout-proxy: ImagePullBackOff: image "fanout:no"` {
		t.Errorf("the sidecar's trouble is %q", got)
	}
}

// A proxy is asked from when it has started until its Pod goes, at its own port: an
// application may have one of that name.
func TestWhereAProxyIsAsked(t *testing.T) {
	t.Parallel()
	running := corev1.ContainerStatus{Name: v1alpha1.SidecarName, Started: new(true), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	port := func(n int32) []corev1.ContainerPort {
		return []corev1.ContainerPort{{Name: "http", ContainerPort: 80}, {Name: desired.AdminPortName, ContainerPort: n}}
	}
	for name, row := range map[string]struct {
		modify func(*corev1.Pod)
		want   string
	}{
		"started":         {func(*corev1.Pod) {}, "http://[fd00::1]:9091/status"},
		"not started":     {func(p *corev1.Pod) { p.Status.InitContainerStatuses[0].Started = nil }, ""},
		"ended":           {func(p *corev1.Pod) { p.Status.InitContainerStatuses[0].State = corev1.ContainerState{} }, ""},
		"without address": {func(p *corev1.Pod) { p.Status.PodIP = "" }, ""},
		"without port":    {func(p *corev1.Pod) { p.Spec.InitContainers[0].Ports = nil }, ""},
		"about to go":     {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }, ""},
	} {
		p := corev1.Pod{}
		p.Spec.InitContainers = []corev1.Container{{Name: v1alpha1.SidecarName, Ports: port(9091)}}
		p.Spec.Containers = []corev1.Container{{Name: v1alpha1.ProxyName, Ports: port(1)}}
		p.Status.PodIP, p.Status.InitContainerStatuses = "fd00::1", []corev1.ContainerStatus{running}
		row.modify(&p)
		if got := pods.Of(&p).StatusURL; got != row.want {
			t.Errorf("%s: it is asked at %q, want %q", name, got, row.want)
		}
	}
}
