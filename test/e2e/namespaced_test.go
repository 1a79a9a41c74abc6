package e2e

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The operator of one namespace serves that one, and sees nothing of others.
func TestOverlayNamespaced(t *testing.T) {
	shop := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	eventually(t, "the namespace is new", func() bool { // one of before may still be going
		_ = kube.Delete(t.Context(), shop.DeepCopy())
		return kube.Create(t.Context(), shop) == nil
	})
	t.Cleanup(func() {
		if err := kube.Delete(context.WithoutCancel(t.Context()), shop); err != nil {
			t.Error(err)
		}
	})
	// What the default install has beyond it must be gone: that is the point.
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding"} {
		deleteDefault(t, kind)
	}
	installed(t, "namespaced.yaml")
	inside, outside := &scene{t, "shop"}, newScene(t)
	inside.agents("one")
	inside.route("orders", []string{"one"})
	inside.ready("orders")
	outside.route("orders", []string{"one"})
	time.Sleep(3 * time.Second)
	if c := outside.condition("orders", "Ready"); c.Status != metav1.ConditionUnknown {
		t.Errorf("a route of another namespace is %s/%s", c.Status, c.Reason)
	}
}

func deleteDefault(t *testing.T, kind string) {
	t.Helper()
	list, err := objects(rendered("install.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		if u.GetKind() == kind && u.GetName() == "fanout-operator" {
			if err := kube.Delete(t.Context(), u); client.IgnoreNotFound(err) != nil {
				t.Fatal(err)
			}
		}
	}
}
