package controllers_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// applied server-side applies a route with backends of those names, in that order.
func applied(t *testing.T, namespace string, owner client.FieldOwner, names ...string) *v1alpha1.FanoutRoute {
	t.Helper()
	var backends []any
	for _, name := range names {
		backends = append(backends, map[string]any{"name": name, "url": "https://" + name + ".example.com/"})
	}
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"backends": backends}}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	u.SetNamespace(namespace)
	u.SetName("orders")
	if err := admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u), owner); err != nil {
		t.Fatalf("%s: %v", owner, err)
	}
	return get(t, namespace, "orders", &v1alpha1.FanoutRoute{})
}

// Q13: two who apply the same backends in different orders meet no conflict, but are told.
func TestQ13TwoWhoApplyDifferentOrdersAreTold(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace)
	observed := func(route *v1alpha1.FanoutRoute) {
		t.Helper()
		testkit.Eventually(t, "the edit is seen", func() bool {
			status := get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Status
			c := meta.FindStatusCondition(status.Conditions, "Reconciling") // of the edit before that is served
			return c != nil && c.ObservedGeneration == route.Generation
		})
	}
	observed(applied(t, namespace, "flux", "one", "two"))
	observed(applied(t, namespace, "flux", "one", "two", "three"))
	turned := applied(t, namespace, "argocd", "two", "one", "three")
	if turned.Generation != 3 || turned.Spec.Backends[0].Name != "two" {
		t.Fatalf("another order is generation %d and begins with %s", turned.Generation, turned.Spec.Backends[0].Name)
	}
	observed(turned)
	if notes := notesOf(t, turned, "BackendsReordered"); notes != "" {
		t.Errorf("one change is told: %s", notes)
	}
	observed(applied(t, namespace, "flux", "one", "two", "three"))
	testkit.Eventually(t, "the second change is told", func() bool { return notesOf(t, turned, "BackendsReordered") != "" })
	observed(applied(t, namespace, "argocd", "two", "one", "three"))
	late := applied(t, namespace, "late", "three", "four")
	if got := late.Spec.Backends; len(got) != 4 || got[0].Name != "two" || got[3].Name != "four" {
		t.Errorf("who applies one backend more gets %v, want it at the end", got)
	}
	observed(late)
	if notes := notesOf(t, turned, "BackendsReordered"); strings.Count(notes, "\n") != 1 || !strings.Contains(notes, "It is now one, two, three") {
		t.Errorf("told %q, want it once", notes)
	}
}
