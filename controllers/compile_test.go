package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// slow gives a route the expressions that take the longest to compile, of those that a
// route may have.
func slow(r *v1alpha1.FanoutRoute) {
	source := "[" + strings.Repeat("[],", 1360) + "[]].size() > 0"
	r.Spec.Backends = nil
	for i := range 7 {
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{
			Name: v1alpha1.BackendName(fmt.Sprintf("b%d", i)), URL: "https://one.example.com/", When: v1alpha1.Expression(source),
		})
	}
}

// L1: while the slow routes of one tenant are compiled, those of others go on, with short
// expressions and without.
func TestL1SlowRoutesHoldNobodyUp(t *testing.T) {
	t.Parallel()
	namespace, theirs := newNamespace(t), newNamespace(t)
	startOperator(t, namespace, theirs)
	var heavy []*v1alpha1.FanoutRoute
	for i := range 6 { // more than there are workers
		route := newRoute(theirs, fmt.Sprintf("slow%d", i), "", slow)
		create(t, route)
		heavy = append(heavy, route)
	}
	plain := newRoute(namespace, "plain", "https://one.example.com/")
	short := newRoute(namespace, "short", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].When = "request.method == 'GET'" })
	for _, route := range []*v1alpha1.FanoutRoute{plain, short} {
		create(t, route)
		testkit.Eventually(t, route.Name+" has its children", func() bool { return hasChildren(t, route) })
	}
	waiting := 0
	for _, route := range heavy {
		if !exists(t, route, &corev1.ConfigMap{}) {
			waiting++
		}
	}
	if waiting == 0 {
		t.Error("every slow route went before the others")
	}
}

// L1: the injector compiles no expression. What is known to be wrong with them stands in
// the route's status, and keeps the sidecar out.
func TestL1InjectorCompilesNothing(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "beside", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Mode = v1alpha1.ModeSidecar
		r.Spec.Backends[0].When = "no expression"
	})
	create(t, route)
	if pod, warning := injected(t, namespace, application("beside")); !hasSidecar(pod) {
		t.Errorf("no sidecar before anybody has compiled the route: %s", warning)
	}
	startOperator(t, namespace)
	becomes(t, keyOf(route), "Accepted", metav1.ConditionFalse, "Invalid")
	if pod, warning := injected(t, namespace, application("beside")); hasSidecar(pod) || !strings.Contains(warning, "Syntax error") {
		t.Errorf("a sidecar for a route that is not accepted: %v, %s", hasSidecar(pod), warning)
	}
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].When = "true" })
	if pod, warning := injected(t, namespace, application("beside")); !hasSidecar(pod) {
		t.Errorf("no sidecar although the spec is another one: %s", warning)
	}
}

// L3: a spec with as many long and wrong expressions as there may be has its status and
// its event.
func TestL3ManyLongFaultsAreTold(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		for i := range 12 {
			r.Spec.Backends[0].Request.Query.Set = append(r.Spec.Backends[0].Request.Query.Set, v1alpha1.QueryValue{
				Name: fmt.Sprintf("a%d", i), Expression: v1alpha1.Expression("'" + strings.Repeat("\\u0001", 450) + "' +")})
		}
	})
	create(t, route)
	startOperator(t, namespace)
	c := becomes(t, keyOf(route), "Accepted", metav1.ConditionFalse, "Invalid")
	if !strings.HasPrefix(c.Message, "spec.backends[0].request.query.set[0].expression: ") || len(c.Message) > 4096 {
		t.Errorf("message is %q", c.Message)
	}
	testkit.Eventually(t, "there is an event", func() bool { return eventsOf(t, route, "Invalid") == 1 })
}

// L1: while a new operator compiles anew what the one before has accepted, it tells of the
// route's proxies, and writes no child. The Deployment that somebody has edited meanwhile
// says which of the two is over.
func TestL1AcceptedRoutesAreToldOfWhileTheyAreCompiled(t *testing.T) {
	t.Parallel()
	namespace, f := newNamespace(t), newFleet()
	route := newRoute(namespace, "orders", "", slow, func(r *v1alpha1.FanoutRoute) { r.Spec.Backends = r.Spec.Backends[:3] })
	create(t, route)
	first := startOperatorWith(t, f, underLease, namespace)
	document := &corev1.ConfigMap{}
	for end := time.Now().Add(time.Minute); !exists(t, route, document) && time.Now().Before(end); { // it is compiled beside others
		waitFor(100 * time.Millisecond)
	}
	address := standIn(t, route, 0, nil)
	says := func(document string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.says[address] = calls(route, document, 1000)
	}
	says(routeconfig.Hash([]byte(document.Data[desired.DocumentKey])))
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	first.settle(t)
	first.stop()
	says("older")
	name := desired.Name(route)
	deployment := get(t, namespace, name, &appsv1.Deployment{})
	deployment.Spec.Template.Spec.Containers[0].Image = "another"
	if err := admin.Update(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	startOperatorWith(t, f, underLease, namespace)
	becomes(t, keyOf(route), "Programmed", metav1.ConditionFalse, "Pending")
	image := func() string {
		return get(t, namespace, name, &appsv1.Deployment{}).Spec.Template.Spec.Containers[0].Image
	}
	if now := image(); now != "another" {
		t.Errorf("what its proxies say was told after the children were written, with image %q", now)
	}
	for end := time.Now().Add(time.Minute); image() == "another"; waitFor(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the edit is not undone once it was compiled")
		}
	}
}
