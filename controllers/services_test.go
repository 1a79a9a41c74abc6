package controllers_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Q7: a Service that does not exist is named, before any proxy is there, and the route heals
// by itself once it does, though no watch tells of it.
func TestQ7ServiceThatDoesNotExistShowsAndHeals(t *testing.T) {
	t.Parallel()
	service := func(name string) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{
				Name: v1alpha1.BackendName("by-" + name), Service: &v1alpha1.ServiceReference{Name: name, Port: 80}})
		}
	}
	shadow := func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[len(r.Spec.Backends)-1].Shadow = &v1alpha1.Shadow{}
	}
	route, _ := serving(t, testkit.NewBackend(t, nil).URL, service("api"), service("later"), shadow)
	key := keyOf(route)
	c := becomes(t, key, "ResolvedRefs", metav1.ConditionFalse, "BackendNotFound")
	if want := `Service "api" of backend "by-api" does not exist in namespace "` + route.Namespace + `"; ` +
		`Service "later" of backend "by-later" does not exist in namespace "` + route.Namespace + `"`; c.Message != want {
		t.Errorf("message is %q, want %q", c.Message, want)
	}
	becomes(t, key, "Ready", metav1.ConditionFalse, "BackendNotFound")
	pod := startPod(t, route)
	pod.sync()
	becomes(t, key, "Programmed", metav1.ConditionTrue, "Programmed")
	for _, name := range []string{"api", "later"} {
		create(t, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: name},
			Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}})
	}
	for end := time.Now().Add(35 * time.Second); condition(t, key, "ResolvedRefs").Status != metav1.ConditionTrue; waitFor(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("35 s after the Services came: %+v", condition(t, key, "ResolvedRefs"))
		}
	}
	becomes(t, key, "Ready", metav1.ConditionTrue, "Ready")
	if err := admin.Delete(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: "later"}}); err != nil {
		t.Fatal(err)
	}
	edit(t, key, func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "4s" })
	becomes(t, key, "ResolvedRefs", metav1.ConditionFalse, "BackendNotFound")
}
