package controllers_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
)

// H26: a route that waits for its children to be deleted gets none of them back.
func TestH26ForegroundDeletionBringsNoChildBack(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	o.settle(t)
	if err := admin.Delete(t.Context(), route, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		t.Fatal(err)
	}
	going := get(t, route.Namespace, route.Name, &v1alpha1.FanoutRoute{})
	if going.DeletionTimestamp == nil || len(going.Finalizers) != 1 {
		t.Fatalf("the route does not wait for its children: %v", going.Finalizers)
	}
	children := []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}}
	for _, child := range children {
		if err := admin.Delete(t.Context(), get(t, route.Namespace, desired.Name(route), child)); err != nil {
			t.Fatal(err)
		}
	}
	o.pass(t, keyOf(route))
	o.settle(t)
	for _, child := range children {
		if exists(t, route, child) {
			t.Errorf("a %T came back", child)
		}
	}
	going = get(t, route.Namespace, route.Name, going)
	if going.Finalizers = nil; admin.Update(t.Context(), going) != nil {
		t.Fatal("the route is not let go")
	}
}
