package controllers_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// A ConfigMap that a route reads is told while it is missing or broken; a change of it is
// told to the kubelets of the route's Pods at once, as one of the document is.
func TestConfigMapsShowAndReachTheProxies(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", testkit.NewBackend(t, nil).URL, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Validation.JSONSchema = &v1alpha1.JSONSchema{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "schemas", Key: "order.json"}}
	})
	create(t, route)
	startOperator(t, namespace)
	testkit.Eventually(t, "the children are there", func() bool { return hasChildren(t, route) })
	pod := startPod(t, route)
	pod.sync()
	if c := becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionFalse, "ConfigMapMissing"); c.Message != `ConfigMap "schemas" is missing or empty (spec.validation.jsonSchema.configMapKeyRef)` {
		t.Errorf("message is %q", c.Message)
	}
	becomes(t, keyOf(route), "Ready", metav1.ConditionFalse, "ConfigMapMissing")
	rotated := func() string { return pod.pod().Annotations[v1alpha1.RotationAnnotation] }
	if got := rotated(); got != "" {
		t.Errorf("the Pod was told of %q changes", got)
	}
	schemas := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "schemas"}, Data: map[string]string{"order.json": `{"type":"object"}`}}
	other := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "other"}, Data: map[string]string{"a": "b"}}
	create(t, other)
	create(t, schemas)
	testkit.Eventually(t, "the Pod is told of the ConfigMap, twice", func() bool { return rotated() == "2" })
	pod.secrets.Mount(namespace, "_schemas", schemas.Data)
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	schemas = get(t, namespace, "schemas", &corev1.ConfigMap{})
	schemas.Data["order.json"] = `{"type":"objekt"}`
	if err := admin.Update(t.Context(), schemas); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the Pod is told of the change, twice", func() bool { return rotated() == "4" })
	pod.secrets.Mount(namespace, "_schemas", schemas.Data)
	c := becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionFalse, "ConfigMapUnusable")
	want := `ConfigMap "schemas": line 1, column 9: "/type" is no schema: value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'; what was there before stays in use (spec.validation.jsonSchema.configMapKeyRef)`
	if c.Message != want {
		t.Errorf("message is %q", c.Message)
	}
}
