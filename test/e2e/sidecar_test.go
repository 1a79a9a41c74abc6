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
func sidecarScene(t *testing.T, labels ...string) *scene {
	t.Helper()
	s := newScene(t, append(labels, v1alpha1.InjectionLabel, "enabled")...)
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

// asking is a Pod that asks for a sidecar.
func asking(name string) *corev1.Pod {
	pod := agentPod(name)
	pod.Labels[v1alpha1.RouteLabel] = "orders"
	return pod
}

// application is a Pod that has its sidecar. failurePolicy Ignore lets a Pod through
// whenever the API server does not reach an injector in time, as while one starts:
// such a Pod is made again.
func (s *scene) application(name string) *agent {
	s.t.Helper()
	eventually(s.t, name+" has its sidecar", func() bool {
		s.create(asking(name))
		if injected(get(s, name, &corev1.Pod{})) {
			return true
		}
		s.missed(get(s, name, &corev1.Pod{}))
		return false
	})
	a := &agent{s, name}
	a.wait()
	return a
}

func injected(pod *corev1.Pod) bool { return len(pod.Spec.InitContainers) == 1 }

// missed deletes what the injector missed.
func (s *scene) missed(object client.Object) {
	s.t.Helper()
	s.t.Logf("%s was missed by the injector", object.GetName())
	foreground := client.PropagationPolicy(metav1.DeletePropagationForeground)
	if err := steady(func() error { return kube.Delete(s.t.Context(), object, foreground) }); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, object.GetName()+" is gone", func() bool { return !s.there(object.GetName(), object) })
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
		eventually(t, "the status has its figures", func() bool {
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
		eventually(t, "the Pod is gone", func() bool { return len(s.everyPod("orders")) == 0 })
		figure(t, "Pod with a sidecar deleted → gone", "%.1f s (its grace period is 2 s)", time.Since(start).Seconds())
	})
	t.Run("lets Jobs complete", func(t *testing.T) {
		t.Parallel()
		s := sidecarScene(t)
		pod := asking("batch")
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		pod.Spec.Containers[0].Args = []string{"once", local}
		pod.Spec.Containers[0].ReadinessProbe = nil
		eventually(t, "the Job's Pod has its sidecar", func() bool {
			job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "batch"}, Spec: batchv1.JobSpec{
				BackoffLimit: new(int32(0)), Template: corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec},
			}}
			s.create(job)
			eventually(t, "the Job has a Pod", func() bool { return len(s.everyPod("orders")) == 1 })
			if injected(&s.everyPod("orders")[0]) {
				return true
			}
			s.missed(job)
			return false
		})
		eventually(t, "the Job is complete", func() bool {
			status := get(s, "batch", &batchv1.Job{}).Status
			if status.Failed > 0 {
				t.Fatal("the Job failed")
			}
			return status.Succeeded == 1
		})
		s.ready("orders") // a Pod that is done has no proxy to wait for
	})
}

// Case D12 of the field.
func TestD12OverlaySidecarMissed(t *testing.T) {
	installed(t, "sidecar.yaml")
	waitForInjector(t)
	s := sidecarScene(t)
	withoutOperator(t, func() {
		s.create(asking("early"))
		(&agent{s, "early"}).wait()
	})
	eventually(t, "the Pod is counted", func() bool {
		c := s.condition("orders", "SidecarsInjected")
		return c != nil && c.Status == metav1.ConditionFalse && c.Reason == "SidecarsMissing"
	})
	eventually(t, "an event tells it", func() bool {
		list := &eventsv1.EventList{}
		if err := kube.List(t.Context(), list, client.InNamespace(s.namespace)); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool { return e.Reason == "SidecarsMissing" })
	})
	if err := kube.Delete(t.Context(), get(s, "early", &corev1.Pod{})); err != nil {
		t.Fatal(err)
	}
	s.application("late")
	eventually(t, "every Pod has its sidecar", func() bool {
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
	eventually(t, "the injector answers", func() bool {
		pod := asking("probe")
		pod.Namespace = s.namespace
		if err := steady(func() error { return kube.Create(t.Context(), pod, client.DryRunAll) }); err != nil {
			t.Fatal(err)
		}
		return injected(pod)
	})
}
