package controllers_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/rates"
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

// noServices is an API server that fails to read Services.
type noServices struct {
	client.Reader
	fails atomic.Bool
}

func (n *noServices) Get(ctx context.Context, key client.ObjectKey, object client.Object, o ...client.GetOption) error {
	if _, metadata := object.(*metav1.PartialObjectMetadata); metadata && n.fails.Load() {
		return apierrors.NewInternalError(errors.New("etcd has no leader"))
	}
	return n.Reader.Get(ctx, key, object, o...)
}

// A Service that cannot be read keeps nothing else from being told, and stays what it was.
func TestServiceThatCannotBeReadEndsNoPass(t *testing.T) {
	t.Parallel()
	live := &noServices{}
	namespace := newNamespace(t)
	startOperatorWith(t, rates.NewHTTPFetcher(), func(r *controllers.RouteReconciler) {
		live.Reader = r.Live
		r.Live = live
	}, namespace)
	byService := func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{Name: "api", Service: &v1alpha1.ServiceReference{Name: "api", Port: 80}})
	}
	known, unread := newRoute(namespace, "known", "https://one.example.com/", byService), newRoute(namespace, "unread", "https://one.example.com/", byService)
	create(t, known)
	becomes(t, keyOf(known), "ResolvedRefs", metav1.ConditionFalse, "BackendNotFound")
	live.fails.Store(true)
	create(t, unread)
	becomes(t, keyOf(unread), "Accepted", metav1.ConditionTrue, "AcceptedUnauthenticated")
	edit(t, keyOf(known), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "http://one.elsewhere.svc/" })
	becomes(t, keyOf(known), "Accepted", metav1.ConditionFalse, "Invalid")
	edit(t, keyOf(known), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "https://two.example.com/" })
	becomes(t, keyOf(known), "Accepted", metav1.ConditionTrue, "AcceptedUnauthenticated")
	becomes(t, keyOf(known), "ResolvedRefs", metav1.ConditionFalse, "BackendNotFound")
	live.fails.Store(false)
	becomes(t, keyOf(unread), "ResolvedRefs", metav1.ConditionFalse, "BackendNotFound")
}
