package controllers_test

import (
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func exists(t *testing.T, route *v1alpha1.FanoutRoute, object client.Object) bool {
	t.Helper()
	err := admin.Get(t.Context(), types.NamespacedName{Namespace: route.Namespace, Name: desired.Name(route)}, object)
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil && object.GetDeletionTimestamp() == nil
}

func TestOptionalChildrenComeAndGo(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", "https://one.example.com/")
	create(t, route)
	startOperator(t, namespace)
	testkit.Eventually(t, "two proxies have a budget", func() bool { return exists(t, route, &policyv1.PodDisruptionBudget{}) })
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Replicas = new(int32(1))
		r.Spec.Proxy.NetworkPolicy = &v1alpha1.ProxyNetworkPolicy{}
	})
	testkit.Eventually(t, "one proxy has none, and a policy", func() bool {
		return !exists(t, route, &policyv1.PodDisruptionBudget{}) && exists(t, route, &networkingv1.NetworkPolicy{})
	})
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy = v1alpha1.Proxy{Mode: v1alpha1.ModeSidecar}
	})
	testkit.Eventually(t, "a sidecar has its document alone", func() bool {
		return !exists(t, route, &appsv1.Deployment{}) && !exists(t, route, &corev1.Service{}) &&
			!exists(t, route, &networkingv1.NetworkPolicy{}) && exists(t, route, &corev1.ConfigMap{})
	})
}

// An autoscaler begins with the route's number, and not with fewer than its least: it
// leaves a Deployment of 0 alone.
func TestAutoscalerBeginsWithTheRoutesNumber(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace)
	for name, row := range map[string]struct{ replicas, want int32 }{"more": {5, 5}, "fewer": {1, 2}, "none": {0, 2}} {
		route := newRoute(namespace, name, "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
			r.Spec.Proxy.Replicas, r.Spec.Proxy.Autoscaling = new(row.replicas), &v1alpha1.Autoscaling{MaxReplicas: 9}
		})
		create(t, route)
		testkit.Eventually(t, name+" has its number", func() bool {
			return exists(t, route, &appsv1.Deployment{}) && *get(t, namespace, desired.Name(route), &appsv1.Deployment{}).Spec.Replicas == row.want
		})
	}
	route := newRoute(namespace, "asleep", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Replicas = new(int32(0)) })
	create(t, route)
	testkit.Eventually(t, "it sleeps", func() bool { return exists(t, route, &appsv1.Deployment{}) })
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 9} })
	testkit.Eventually(t, "it wakes up", func() bool { return *get(t, namespace, desired.Name(route), &appsv1.Deployment{}).Spec.Replicas == 2 })
	testkit.Eventually(t, "it is not called asleep", func() bool { return condition(t, keyOf(route), "Programmed").Reason != "NoProxies" })
}

// What an autoscaler writes while our cache lags is not undone.
func TestLaggingCacheUndoesNoAutoscaler(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 9}
	})
	create(t, route)
	o := startOperator(t, namespace)
	testkit.Eventually(t, "there is a Deployment", func() bool { return exists(t, route, &appsv1.Deployment{}) })
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: desired.Name(route)}}
	for n := int32(3); n < 9; n++ { // each edit makes a pass, and each is to meet a number it may not have seen
		edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) {
			r.Spec.Proxy.Template = &v1alpha1.PodTemplate{Labels: map[string]string{"n": strconv.Itoa(int(n))}}
		})
		scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: n}}
		if err := admin.SubResource("scale").Update(t.Context(), deployment, client.WithSubResourceBody(scale)); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the edit is applied", func() bool {
			return get(t, namespace, deployment.Name, &appsv1.Deployment{}).Spec.Template.Labels["n"] == strconv.Itoa(int(n))
		})
		o.settle(t)
		if got := *get(t, namespace, deployment.Name, &appsv1.Deployment{}).Spec.Replicas; got != n {
			t.Fatalf("the autoscaler's %d became %d", n, got)
		}
	}
}

// The autoscaler's number stays when the operator gives it up, and is never
// fought over; without an autoscaler the route's counts again.
func TestAutoscalerOwnsTheNumber(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Replicas = new(int32(4))
	})
	create(t, route)
	o := startOperator(t, namespace)
	number := func() int32 { return *get(t, namespace, desired.Name(route), &appsv1.Deployment{}).Spec.Replicas }
	testkit.Eventually(t, "the route's number holds", func() bool { return exists(t, route, &appsv1.Deployment{}) && number() == 4 })

	least := int32(4)
	stop := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				d := &appsv1.Deployment{}
				if admin.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: desired.Name(route)}, d) == nil {
					least = min(least, *d.Spec.Replicas)
				}
			}
		}
	}()
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 9} })
	testkit.Eventually(t, "there is an autoscaler", func() bool { return exists(t, route, &autoscalingv2.HorizontalPodAutoscaler{}) })
	o.settle(t)
	close(stop)
	<-watched
	if least != 4 {
		t.Errorf("the number fell to %d when the operator gave it up", least)
	}

	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 7}}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: desired.Name(route)}}
	if err := admin.SubResource("scale").Update(t.Context(), deployment, client.WithSubResourceBody(scale)); err != nil {
		t.Fatal(err)
	}
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Resources.Limits = nil })
	testkit.Eventually(t, "the edit is applied", func() bool {
		return len(get(t, namespace, desired.Name(route), &appsv1.Deployment{}).Spec.Template.Spec.Containers[0].Resources.Limits) == 0
	})
	o.settle(t)
	if number() != 7 {
		t.Errorf("the autoscaler's 7 became %d", number())
	}
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Autoscaling = nil })
	testkit.Eventually(t, "the route's number holds again", func() bool {
		return number() == 4 && !exists(t, route, &autoscalingv2.HorizontalPodAutoscaler{})
	})
}
