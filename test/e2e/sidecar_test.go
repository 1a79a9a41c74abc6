package e2e

import (
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// local is where a sidecar listens, within its Pod.
const local = "http://127.0.0.1:18080/"

// sidecarScene has a route with sidecars, whose one backend wants a key.
func sidecarScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, v1alpha1.InjectionLabel, "enabled")
	backend := s.agents("one")[0]
	backend.behave(map[string]any{"keys": []string{"secret"}})
	s.secret("partner", map[string]string{"key": "secret"})
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Mode = v1alpha1.ModeSidecar
		r.Spec.Listener.Port = 18080
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "partner", Key: "key", Header: "X-API-Key"},
		}
	})
	s.ready("orders")
	return s
}

// application is a Pod that asks for a sidecar.
func (s *scene) application(name string) *agent {
	s.t.Helper()
	pod := agentPod(name)
	pod.Labels[v1alpha1.RouteLabel] = "orders"
	s.create(pod)
	a := &agent{s, name}
	a.wait()
	return a
}

func TestOverlaySidecar(t *testing.T) {
	installed(t, "sidecar.yaml")
	waitForInjector(t)
	t.Run("serves its Pod and reports", func(t *testing.T) {
		t.Parallel()
		s := sidecarScene(t)
		app := s.application("app")
		app.load(local, 50, 5, true)
		app.sent(100)
		s.allGood(app.end())
		eventually(t, time.Minute, "the status has its figures", func() bool {
			status := get(s, "orders", &v1alpha1.FanoutRoute{}).Status
			return status.Traffic != nil && status.Traffic.SuccessRate == "100%" && *status.ReadyReplicas == 1
		})
		if c := s.condition("orders", "SidecarsInjected"); c == nil || c.Status != metav1.ConditionTrue {
			t.Errorf("SidecarsInjected is %+v", c)
		}
		s.sidecarIsModest("app")
		edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "3s" })
		figure(t, "spec change → the sidecar serves it", "%.1f s", s.ready("orders").Seconds())
		start := time.Now()
		if err := kube.Delete(t.Context(), get(s, "app", &corev1.Pod{})); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, "the Pod is gone", func() bool { return len(s.everyPod("orders")) == 0 })
		figure(t, "Pod with a sidecar deleted → gone", "%.1f s (its grace period is 2 s)", time.Since(start).Seconds())
	})
	t.Run("lets Jobs complete", func(t *testing.T) {
		t.Parallel()
		s := sidecarScene(t)
		pod := agentPod("batch")
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		pod.Spec.Containers[0].Args = []string{"once", local}
		pod.Spec.Containers[0].ReadinessProbe = nil
		pod.Labels[v1alpha1.RouteLabel] = "orders"
		s.create(&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "batch"}, Spec: batchv1.JobSpec{
			BackoffLimit: new(int32(0)), Template: corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec},
		}})
		eventually(t, time.Minute, "the Job is complete", func() bool {
			status := get(s, "batch", &batchv1.Job{}).Status
			if status.Failed > 0 {
				t.Fatal("the Job failed")
			}
			return status.Succeeded == 1
		})
	})
}

// Case D12 of the field.
func TestD12OverlaySidecarMissed(t *testing.T) {
	installed(t, "sidecar.yaml")
	waitForInjector(t)
	s := sidecarScene(t)
	withoutOperator(t, func() { s.application("early") })
	eventually(t, time.Minute, "the Pod is counted", func() bool {
		c := s.condition("orders", "SidecarsInjected")
		return c != nil && c.Status == metav1.ConditionFalse && c.Reason == "SidecarsMissing"
	})
	eventually(t, time.Minute, "an event tells it", func() bool {
		list := &eventsv1.EventList{}
		if err := kube.List(t.Context(), list, client.InNamespace(s.namespace)); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool { return e.Reason == "SidecarsMissing" })
	})
	if err := kube.Delete(t.Context(), get(s, "early", &corev1.Pod{})); err != nil {
		t.Fatal(err)
	}
	waitForInjector(t) // a ready operator is not yet an injector that the API server trusts
	s.application("late")
	eventually(t, time.Minute, "every Pod has its sidecar", func() bool {
		return s.condition("orders", "SidecarsInjected").Status == metav1.ConditionTrue && len(s.everyPod("orders")) == 1
	})
}

// sidecarIsModest fails where the sidecar holds the application's token, or the
// application the sidecar's Secrets.
func (s *scene) sidecarIsModest(pod string) {
	s.t.Helper()
	spec := get(s, pod, &corev1.Pod{}).Spec
	token := map[string]bool{}
	for _, v := range spec.Volumes {
		token[v.Name] = v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool { return p.ServiceAccountToken != nil })
	}
	for _, m := range spec.InitContainers[0].VolumeMounts {
		if token[m.Name] {
			s.t.Errorf("the sidecar has the application's token at %s", m.MountPath)
		}
	}
	for _, m := range spec.Containers[0].VolumeMounts {
		if !token[m.Name] {
			s.t.Errorf("the application has got %s at %s", m.Name, m.MountPath)
		}
	}
}

// waitForInjector returns when the webhook answers: with a dry run that shows.
func waitForInjector(t *testing.T) {
	t.Helper()
	s := newScene(t, v1alpha1.InjectionLabel, "enabled")
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Mode = v1alpha1.ModeSidecar })
	eventually(t, time.Minute, "the injector answers", func() bool {
		pod := agentPod("probe")
		pod.Namespace = s.namespace
		pod.Labels[v1alpha1.RouteLabel] = "orders"
		if err := kube.Create(t.Context(), pod, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		return len(pod.Spec.InitContainers) == 1
	})
}
