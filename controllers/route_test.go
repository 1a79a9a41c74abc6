package controllers_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func newRoute(namespace, name, url string, modify ...func(*v1alpha1.FanoutRoute)) *v1alpha1.FanoutRoute {
	r := &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	r.Spec.Backends = []v1alpha1.Backend{{Name: "one", URL: url}}
	for _, m := range modify {
		m(r)
	}
	return r
}

func create(t *testing.T, object client.Object) {
	t.Helper()
	if err := admin.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// edit changes a route as its user does.
func edit(t *testing.T, key types.NamespacedName, modify func(*v1alpha1.FanoutRoute)) {
	t.Helper()
	r := get(t, key.Namespace, key.Name, &v1alpha1.FanoutRoute{})
	before := r.DeepCopy()
	modify(r)
	if err := admin.Patch(t.Context(), r, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

func keyOf(r client.Object) types.NamespacedName { return client.ObjectKeyFromObject(r) }

func condition(t *testing.T, key types.NamespacedName, kind string) metav1.Condition {
	t.Helper()
	r := get(t, key.Namespace, key.Name, &v1alpha1.FanoutRoute{})
	if c := meta.FindStatusCondition(r.Status.Conditions, kind); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// becomes waits for a condition.
func becomes(t *testing.T, key types.NamespacedName, kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	t.Helper()
	var c metav1.Condition
	testkit.Eventually(t, kind+" becomes "+string(status)+" with reason "+reason, func() bool {
		c = condition(t, key, kind)
		return c.Status == status && c.Reason == reason
	})
	return c
}
