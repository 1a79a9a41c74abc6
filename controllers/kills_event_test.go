package controllers_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// R9: a proxy that was killed for want of memory is told once a kill, with Pod and limit.
func TestR9KilledProxiesAreTold(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	killed := func(at time.Time) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: v1alpha1.ProxyName, Image: "fanout:test", ImageID: "x", RestartCount: 1,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				Reason: "OOMKilled", ExitCode: 137, FinishedAt: metav1.NewTime(at), ContainerID: "containerd://1"}}}}}
	}
	pod := podOf(t, route, "just-now", killed(time.Now()))
	testkit.Eventually(t, "the kill is told", func() bool { return len(eventsWith(t, route.Namespace, "OOMKilled")) > 0 })
	o.settle(t)
	o.pass(t, keyOf(route))
	waitFor(time.Second)
	list := eventsWith(t, route.Namespace, "OOMKilled")
	if len(list) != 1 || list[0].Series != nil {
		t.Fatalf("one kill is told by %d events: %+v", len(list), list)
	}
	e := list[0]
	if e.Type != corev1.EventTypeWarning || e.Regarding.Name != "orders" || !strings.Contains(e.Note, "Pod just-now was killed") ||
		!strings.Contains(e.Note, "OOMKilled") || !strings.Contains(e.Note, "its limit of 256Mi") {
		t.Errorf("the event is %s of %s: %s", e.Type, e.Regarding.Name, e.Note)
	}
	pod.Status = killed(time.Now().Add(5 * time.Second))
	if err := admin.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the next kill is told", func() bool {
		list := eventsWith(t, route.Namespace, "OOMKilled")
		return len(list) == 2 || len(list) == 1 && list[0].Series != nil
	})
}
