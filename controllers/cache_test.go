package controllers_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/pods"
)

// kubelets is a Pod as kubelets leave it, of an application with a sidecar or of a proxy alone.
func kubelets(sidecar bool) *corev1.Pod {
	proxy := corev1.Container{
		Name: v1alpha1.ProxyName, Image: "fanout:test", Args: []string{strings.Repeat("x", 500)}, Ports: []corev1.ContainerPort{{Name: desired.AdminPortName, ContainerPort: 9091}},
		Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}},
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "orders-1", UID: "u1", Labels: map[string]string{v1alpha1.RouteLabel: "orders"},
		Annotations:     map[string]string{v1alpha1.NudgeAnnotation: "2", "kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", 500)},
		OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "orders"}},
		ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1(`{"f:status":{}}`)}},
	}}
	status := corev1.ContainerStatus{
		Name: proxy.Name, Image: proxy.Image, ImageID: strings.Repeat("x", 70), ContainerID: strings.Repeat("x", 70), Ready: true, Started: new(true), RestartCount: 1,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: "OOMKilled", ExitCode: 137, FinishedAt: metav1.NewTime(time.Unix(1_800_000_000, 0))}},
	}
	if sidecar {
		proxy.Name, status.Name = v1alpha1.SidecarName, v1alpha1.SidecarName
		pod.Spec.InitContainers, pod.Status.InitContainerStatuses = []corev1.Container{proxy}, []corev1.ContainerStatus{status}
		pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "app", Env: []corev1.EnvVar{{Name: "X", Value: strings.Repeat("x", 500)}}}}
	} else {
		pod.Spec.Containers, pod.Status.ContainerStatuses = []corev1.Container{proxy}, []corev1.ContainerStatus{status}
	}
	pod.Status.Phase, pod.Status.PodIP, pod.Status.PodIPs = corev1.PodRunning, "10.0.0.7", []corev1.PodIP{{IP: "10.0.0.7"}}
	for _, kind := range []corev1.PodConditionType{corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue})
	}
	return pod
}

// What the cache keeps of a Pod says the same of its proxy as all of it, and is less than half.
func TestWhatIsKeptOfAPodSaysTheSame(t *testing.T) {
	t.Parallel()
	for name, modify := range map[string]func(*corev1.Pod, *corev1.ContainerStatus){
		"ready":     func(*corev1.Pod, *corev1.ContainerStatus) {},
		"not ready": func(p *corev1.Pod, _ *corev1.ContainerStatus) { p.Status.Conditions[1].Status = corev1.ConditionFalse },
		"not scheduled": func(p *corev1.Pod, c *corev1.ContainerStatus) {
			p.Status.Conditions[1].Status, c.State.Running = corev1.ConditionFalse, nil
			p.Status.Conditions[3] = corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes"}
		},
		"without image": func(p *corev1.Pod, c *corev1.ContainerStatus) {
			p.Status.Conditions[1].Status, c.Ready, c.Started = corev1.ConditionFalse, false, nil
			c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}
		},
		"ends again": func(p *corev1.Pod, c *corev1.ContainerStatus) {
			p.Status.Conditions[1].Status, c.Ready = corev1.ConditionFalse, false
			c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		},
		"done":    func(p *corev1.Pod, _ *corev1.ContainerStatus) { p.Status.Phase = corev1.PodFailed },
		"leaving": func(p *corev1.Pod, _ *corev1.ContainerStatus) { p.DeletionTimestamp = &metav1.Time{} },
	} {
		for _, sidecar := range []bool{false, true} {
			pod := kubelets(sidecar)
			status := pod.Status.ContainerStatuses
			if sidecar {
				status = pod.Status.InitContainerStatuses
			}
			modify(pod, &status[0])
			whole, _ := json.Marshal(pod)
			want := pods.Of(pod)
			controllers.SlimPod(pod)
			if got := pods.Of(pod); got != want {
				t.Errorf("%s: what is kept says %+v, all of it %+v", name, got, want)
			}
			if kept, _ := json.Marshal(pod); len(kept) > len(whole)/2 {
				t.Errorf("%s: of %d bytes %d are kept", name, len(whole), len(kept))
			}
			if pod.Annotations[v1alpha1.NudgeAnnotation] != "2" || pod.Labels[v1alpha1.RouteLabel] == "" {
				t.Errorf("%s: the metadata are %+v", name, pod.ObjectMeta)
			}
		}
	}
}
