package controllers_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// R11: what delete --cascade=orphan leaves is adopted by a route of the same name, or goes
// where that one does not ask for it.
func TestR11OrphansAreAdopted(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: 2, MaxReplicas: 3, TargetCPUUtilizationPercent: 70}
	})
	testkit.Eventually(t, "the autoscaler is there", func() bool { return exists(t, route, &autoscalingv2.HorizontalPodAutoscaler{}) })
	o.settle(t)
	if err := admin.Delete(t.Context(), route, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatal(err)
	}
	kinds := []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}, &policyv1.PodDisruptionBudget{}, &autoscalingv2.HorizontalPodAutoscaler{}}
	for _, kind := range kinds { // the garbage collector's part
		orphan := get(t, route.Namespace, desired.Name(route), kind)
		orphan.SetOwnerReferences(nil)
		if err := admin.Update(t.Context(), orphan); err != nil {
			t.Fatal(err)
		}
	}
	// Until then the route is there, and the operator knows that it goes.
	going := get(t, route.Namespace, route.Name, &v1alpha1.FanoutRoute{})
	if going.Finalizers = nil; admin.Update(t.Context(), going) != nil {
		t.Fatal("the route is not let go")
	}
	before := get(t, route.Namespace, desired.Name(route), &appsv1.Deployment{}).UID
	again := newRoute(route.Namespace, "orders", "https://two.example.com/")
	create(t, again)
	becomes(t, keyOf(again), "Accepted", metav1.ConditionTrue, "AcceptedUnauthenticated")
	for _, kind := range kinds[:4] {
		testkit.Eventually(t, "a child is adopted", func() bool {
			owner := metav1.GetControllerOf(get(t, route.Namespace, desired.Name(route), kind))
			return owner != nil && owner.UID == again.UID
		})
	}
	if after := get(t, route.Namespace, desired.Name(route), &appsv1.Deployment{}).UID; after != before {
		t.Error("the Deployment was made anew, and every proxy with it")
	}
	testkit.Eventually(t, "the autoscaler that nobody asks for is gone", func() bool { return !exists(t, route, &autoscalingv2.HorizontalPodAutoscaler{}) })
	if document := get(t, route.Namespace, desired.Name(route), &corev1.ConfigMap{}).Data[desired.DocumentKey]; !strings.Contains(document, "two.example.com") {
		t.Errorf("the document is %s", document)
	}
}

// R11: an object of the name that has a controller, or lacks a label of ours, is nobody's
// to take.
func TestR11OthersAreNotAdopted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*corev1.Service){
		"has a controller": func(s *corev1.Service) {
			s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "6a2c8a5e-9b1e-4a55-b1a9-0d3f0d4b8a11", Controller: new(true)}}
		},
		"lacks a label": func(s *corev1.Service) { delete(s.Labels, "app.kubernetes.io/managed-by") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			route := newRoute(newNamespace(t), "orders", "https://one.example.com/")
			s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: desired.Name(route), Labels: desired.Labels(route)},
				Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}}
			change(s)
			create(t, s)
			create(t, route)
			startOperator(t, route.Namespace)
			becomes(t, keyOf(route), "Accepted", metav1.ConditionFalse, "NameConflict")
			if got := get(t, route.Namespace, s.Name, &corev1.Service{}); got.Spec.Ports[0].Port != 1 || got.ResourceVersion != s.ResourceVersion {
				t.Errorf("it was changed: %+v", got.Spec)
			}
		})
	}
}
