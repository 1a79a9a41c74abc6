package controllers_test

import (
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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
	if !takenOver(t, route, second, nil) {
		t.Error("the second one does not take over")
	}
	second.pass(t, keyOf(broken))
	if n := ofOthers(t, second); n != 0 {
		t.Errorf("the metric says %v routes of others that are gone", n)
	}
}

// ofOthers is an operator's metric.
func ofOthers(t *testing.T, o *operator) float64 {
	t.Helper()
	return gathered(t, o.reconciler.Collector())["fanout_operator_routes_of_others"]
}

// unmark takes the operator's mark off a route's children, as the event and the docs say.
func unmark(t *testing.T, route *v1alpha1.FanoutRoute) {
	t.Helper()
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+v1alpha1.OperatorAnnotation+`":null}}}`))
	for _, child := range fewestChildren() {
		child.SetNamespace(route.Namespace)
		child.SetName(desired.Name(route))
		if err := admin.Patch(t.Context(), child, patch); err != nil {
			t.Fatal(err)
		}
	}
}

// fewestChildren are those of a route that asks for nothing beyond the least.
func fewestChildren() []client.Object {
	return []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}, &policyv1.PodDisruptionBudget{}}
}

// marks are the operators whose marks a route's children bear.
func marks(t *testing.T, route *v1alpha1.FanoutRoute) (list []string) {
	t.Helper()
	for _, child := range fewestChildren() {
		list = append(list, get(t, route.Namespace, desired.Name(route), child).GetAnnotations()[v1alpha1.OperatorAnnotation])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// takenOver renews a Lease until the second operator has a route, and reports whether it has
// it in the end: two looks are enough, and a minute for what is read of a Lease.
func takenOver(t *testing.T, route *v1alpha1.FanoutRoute, second *operator, lease *coordinationv1.Lease) bool {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); waitFor(2 * time.Second) {
		if lease != nil {
			lease.Spec.RenewTime = new(metav1.NowMicro())
			if err := admin.Update(t.Context(), lease); err != nil {
				t.Fatal(err)
			}
		}
		second.pass(t, keyOf(route))
		if image(t, route) == "second" {
			return true
		}
	}
	return false
}

// L8: the mark counts, whatever the other's Lease says, until it is taken off: of one that
// may not be read nobody knows whether it is renewed, and one that is renewed may be that
// of an operator which was told to watch other namespaces.
func TestL8MarkThatIsTakenOffHandsTheRouteOver(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		lease   string // the operator's role reads those of its own name
		renewed bool
	}{
		"where the Lease may not be read": {"another-name", false},
		"where the Lease is renewed":      {"fanout-operator", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			route := newRoute(namespace, "orders", "https://one.example.com/")
			create(t, route)
			first, lease := elected(t, row.lease, "first", namespace)
			testkit.Eventually(t, "the first one has made the children", func() bool { return image(t, route) == "first" && hasChildren(t, route) })
			first.settle(t)
			first.stop()
			if got := marks(t, route); !slices.Equal(got, []string{lease.Namespace + "/" + row.lease}) {
				t.Errorf("children bear %v", got)
			}
			second, _ := elected(t, "fanout-operator", "second", namespace)
			testkit.Eventually(t, "the second one tells", func() bool { return eventsOf(t, route, "OtherOperator") == 1 })
			want := "kubectl annotate -n " + namespace + " cm,svc,deploy,netpol,pdb,hpa -l fanout.dev/route=orders fanout.dev/operator-\n"
			if note := notesOf(t, route, "OtherOperator"); !strings.HasSuffix(note, want) {
				t.Errorf("the event says %q", note)
			}
			second.pass(t, keyOf(route))
			if list := second.writes.take(); len(list) > 0 {
				t.Errorf("the second one wrote %v", list)
			}
			unmark(t, route)
			if !row.renewed {
				lease = nil
			}
			if !takenOver(t, route, second, lease) {
				t.Errorf("nobody serves the route; it is %q's", get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Status.Operator)
			}
		})
	}
}

// L8: an operator that minds a route puts its mark back, whether the spec is accepted or
// not, so that nobody takes it over.
func TestL8MarkIsPutBackByItsOperator(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route, halted := newRoute(namespace, "orders", "https://one.example.com/"), newRoute(namespace, "halted", "https://one.example.com/")
	create(t, route)
	create(t, halted)
	first, lease := elected(t, "another-name", "first", namespace)
	for _, r := range []*v1alpha1.FanoutRoute{route, halted} {
		testkit.Eventually(t, "the first one has made the children", func() bool { return hasChildren(t, r) })
	}
	edit(t, keyOf(halted), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "http://one.elsewhere.svc/" })
	becomes(t, keyOf(halted), "Accepted", metav1.ConditionFalse, "Invalid")
	first.settle(t)
	second, _ := elected(t, "fanout-operator", "second", namespace)
	for _, r := range []*v1alpha1.FanoutRoute{route, halted} {
		testkit.Eventually(t, "the second one tells", func() bool { return eventsOf(t, r, "OtherOperator") == 1 })
		unmark(t, r)
		testkit.Eventually(t, "the mark is put back on children of "+r.Name, func() bool {
			return slices.Equal(marks(t, r), []string{lease.Namespace + "/another-name"})
		})
		second.pass(t, keyOf(r))
	}
	if list := second.writes.take(); len(list) > 0 {
		t.Errorf("the second one wrote %v", list)
	}
}

// L8: two that may not read each other's Lease, and a halted route from before the marks: one
// claims it, and marks its children; nobody writes any more.
func TestL8HaltedRouteWithoutMarksIsClaimedOnce(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", "https://one.example.com/")
	create(t, route)
	old := startOperator(t, namespace)
	testkit.Eventually(t, "the children are there", func() bool { return hasChildren(t, route) })
	old.settle(t)
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "http://one.elsewhere.svc/" })
	becomes(t, keyOf(route), "Accepted", metav1.ConditionFalse, "Invalid")
	old.settle(t)
	old.stop()
	a, _ := elected(t, "lease-a", "a", namespace)
	b, _ := elected(t, "lease-b", "b", namespace)
	testkit.Eventually(t, "one has it, and the other one tells", func() bool { return eventsOf(t, route, "OtherOperator") == 1 })
	owner := ""
	testkit.Eventually(t, "its children are marked", func() bool {
		owner = get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Status.Operator
		return slices.Equal(marks(t, route), []string{owner})
	})
	if image(t, route) != "fanout:test" {
		t.Errorf("a halted route's proxies are %q", image(t, route))
	}
	a.settle(t)
	b.settle(t)
	for range 10 {
		a.pass(t, keyOf(route))
		b.pass(t, keyOf(route))
	}
	if list := append(a.writes.take(), b.writes.take()...); len(list) > 0 {
		t.Errorf("%d writes in 20 passes of a route that nobody has touched: %v", len(list), list)
	}
	if now := get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Status.Operator; now != owner {
		t.Errorf("the route was %q's, is %q's", owner, now)
	}
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
