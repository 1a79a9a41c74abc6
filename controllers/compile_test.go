package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
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
