package survey

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// What is looked at in a Pod with a sidecar is the sidecar, whatever its application is called.
func TestSidecarsAreTheProxiesOfTheirPods(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{
		Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: v1alpha1.SidecarName}}, Containers: []corev1.Container{{Name: v1alpha1.ProxyName}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning,
			InitContainerStatuses: []corev1.ContainerStatus{{Name: v1alpha1.SidecarName, RestartCount: 2, Started: new(true), Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
			ContainerStatuses:     []corev1.ContainerStatus{{Name: v1alpha1.ProxyName, RestartCount: 7}}},
	}
	if got := restarts(pod); got != 2 || podReadiness(pod) != "Ready" {
		t.Errorf("%d restarts, %s; want 2 and Ready", got, podReadiness(pod))
	}
}

// The clock of whoever looks may be behind that of the API server: what has just happened there has
// no age yet.
func TestClocksBehindTheAPIServer(t *testing.T) {
	t.Parallel()
	now := time.Now()
	soon := metav1.NewTime(now.Add(time.Minute))
	route := &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: soon}}
	if got := rowOf(route, now).Age; got != "0s" {
		t.Errorf("the age of a route is %q", got)
	}
}
