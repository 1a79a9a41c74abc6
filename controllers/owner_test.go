package controllers_test

import (
	"math/bits"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// elected makes an operator that has a Lease of that name in a namespace of its own, and
// proxies of its own. Its Lease is never renewed, which counts for a minute.
func elected(t *testing.T, lease, image, watched string) (*operator, *coordinationv1.Lease) {
	t.Helper()
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(t), Name: lease},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: new("pod"), RenewTime: new(metav1.NowMicro())}}
	create(t, l)
	return startOperatorWith(t, rates.NewHTTPFetcher(), func(r *controllers.RouteReconciler) {
		r.Proxies.Operator, r.Proxies.Image = l.Namespace+"/"+lease, image
	}, watched), l
}

func image(t *testing.T, route *v1alpha1.FanoutRoute) string {
	t.Helper()
	d := &appsv1.Deployment{}
	if !exists(t, route, d) {
		return ""
	}
	return d.Spec.Template.Spec.Containers[0].Image
}

// eventsOf counts the events of a route with that reason.
func eventsOf(t *testing.T, route *v1alpha1.FanoutRoute, reason string) int {
	t.Helper()
	return strings.Count(notesOf(t, route, reason), "\n")
}

// notesOf are their notes, a line each.
func notesOf(t *testing.T, route *v1alpha1.FanoutRoute, reason string) (notes string) {
	t.Helper()
	list := &eventsv1.EventList{}
	if err := admin.List(t.Context(), list, client.InNamespace(route.Namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if e := &list.Items[i]; e.Reason == reason && e.Regarding.Name == route.Name {
			notes += strings.ReplaceAll(e.Note, "\n", " ") + "\n"
		}
	}
	return notes
}

// L8: of two operators that see the same routes one has each, as long as it has its
// Lease; the other writes nothing of them, whether the spec is accepted or not, and
// takes them over afterwards.
func TestL8OneOwner(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", "https://one.example.com/")
	broken := newRoute(namespace, "broken", "http://one.elsewhere.svc/")
	create(t, route)
	create(t, broken)
	first, lease := elected(t, "fanout-operator", "first", namespace)
	testkit.Eventually(t, "the first one has made the children", func() bool { return image(t, route) == "first" && hasChildren(t, route) })
	becomes(t, keyOf(broken), "Accepted", metav1.ConditionFalse, "Invalid")
	first.settle(t)
	second, _ := elected(t, "fanout-operator", "second", namespace)
	testkit.Eventually(t, "the second one tells of both", func() bool {
		return eventsOf(t, route, "OtherOperator") == 1 && eventsOf(t, broken, "OtherOperator") == 1
	})
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Replicas = new(int32(3)) })
	testkit.Eventually(t, "the first one serves the edit", func() bool {
		return *get(t, namespace, desired.Name(route), &appsv1.Deployment{}).Spec.Replicas == 3
	})
	for range 3 {
		second.pass(t, keyOf(route))
		second.pass(t, keyOf(broken))
	}
	if list := second.writes.take(); len(list) > 0 {
		t.Errorf("the second one wrote %d times: %v", len(list), list[:min(len(list), 5)])
	}
	if n := eventsOf(t, route, "OtherOperator"); n != 1 {
		t.Errorf("%d events of one route", n)
	}
	if n := ofOthers(t, second); n != 2 {
		t.Errorf("the metric says %v routes of others", n)
	}
	if got, want := get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Status.Operator, lease.Namespace+"/fanout-operator"; got != want {
		t.Errorf("the route is %q's, want %q's", got, want)
	}
	first.settle(t)
	first.stop()
	if err := admin.Delete(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the second one takes over", func() bool {
		second.pass(t, keyOf(route))
		return image(t, route) == "second"
	})
	second.pass(t, keyOf(broken))
	if n := ofOthers(t, second); n != 0 {
		t.Errorf("the metric says %v routes of others that are gone", n)
	}
}

// ofOthers is an operator's metric.
func ofOthers(t *testing.T, o *operator) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	if err := registry.Register(o.reconciler.Collector()); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("metrics %v: %v", families, err)
	}
	return families[0].GetMetric()[0].GetGauge().GetValue()
}

// L8: where the other's Lease may not be read, its mark counts until it is taken off.
func TestL8MarkOfAnUnreadableLease(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", "https://one.example.com/")
	create(t, route)
	first, lease := elected(t, "another-name", "first", namespace) // the operator's role reads those of its own name
	testkit.Eventually(t, "the first one has made the children", func() bool { return image(t, route) == "first" && hasChildren(t, route) })
	first.settle(t)
	first.stop()
	if err := admin.Delete(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	second, _ := elected(t, "fanout-operator", "second", namespace)
	testkit.Eventually(t, "the second one tells", func() bool { return eventsOf(t, route, "OtherOperator") == 1 })
	second.pass(t, keyOf(route))
	if list := second.writes.take(); len(list) > 0 {
		t.Errorf("the second one wrote %v", list)
	}
	for _, child := range []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}, &policyv1.PodDisruptionBudget{}} {
		get(t, namespace, desired.Name(route), child)
		before := child.DeepCopyObject().(client.Object)
		annotations := child.GetAnnotations()
		if annotations[v1alpha1.OperatorAnnotation] != lease.Namespace+"/another-name" {
			t.Errorf("%T bears %v", child, annotations)
		}
		delete(annotations, v1alpha1.OperatorAnnotation)
		child.SetAnnotations(annotations)
		if err := admin.Patch(t.Context(), child, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "the second one takes over", func() bool { return image(t, route) == "second" })
}

// L8: two that start at once agree.
func TestL8ClaimsAtTheSameTime(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	first, _ := elected(t, "fanout-operator", "first", namespace)
	second, _ := elected(t, "fanout-operator", "second", namespace)
	var routes []*v1alpha1.FanoutRoute
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		route := newRoute(namespace, name, "https://one.example.com/")
		create(t, route)
		routes = append(routes, route)
	}
	for _, route := range routes {
		testkit.Eventually(t, route.Name+" has its children", func() bool { return hasChildren(t, route) })
	}
	first.settle(t)
	second.settle(t)
	for _, route := range routes {
		generation := get(t, namespace, desired.Name(route), &appsv1.Deployment{}).Generation
		if generation != 1 {
			t.Errorf("%s: the Deployment was written %d times, by both", route.Name, generation)
		}
		testkit.Eventually(t, "one of them tells that it keeps off", func() bool { return eventsOf(t, route, "OtherOperator") == 1 })
	}
}

// L8: whoever undoes what we write at once, for as long as it likes, makes us write ever
// less, and is named once.
func TestL8FighterIsAnsweredEverMoreSlowly(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	o.settle(t)
	began := time.Now()
	stop := make(chan struct{})
	var fighting sync.WaitGroup
	fighting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			d := &appsv1.Deployment{}
			key := client.ObjectKey{Namespace: route.Namespace, Name: desired.Name(route)}
			if admin.Get(t.Context(), key, d) == nil && d.Spec.Template.Spec.Containers[0].Image == "fanout:test" {
				d.Spec.Template.Spec.Containers[0].Image = "theirs"
				_ = admin.Update(t.Context(), d, client.FieldOwner("the-fighter"))
			}
		}
	})
	for end := began.Add(30 * time.Second); eventsOf(t, route, "Undone") == 0 && time.Now().Before(end); { // after 6 s
		waitFor(50 * time.Millisecond)
	}
	close(stop)
	fighting.Wait()
	if note := notesOf(t, route, "Undone"); !strings.Contains(note, `Deployment orders-fanout`) || !strings.Contains(note, `"the-fighter"`) {
		t.Errorf("the event says %q", note)
	}
	n := 0
	for _, write := range o.writes.take() {
		if strings.Contains(write, "/deployments/") {
			n++
		}
	}
	if most := bits.Len(uint(time.Since(began).Seconds())) + 1; n < 2 || n > most {
		t.Errorf("%d writes within %v, want 2 to %d", n, time.Since(began), most)
	}
}
