package e2e

import (
	"context"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// With the CRD go all routes, and with them their proxies, at the latest once it is
// back: the garbage collector learns of kinds every half minute, and cannot ask for the
// owner of a kind that is gone. The operator goes on as if nothing had been.
func TestCRDDeletedAndAppliedAgain(t *testing.T) {
	s := newScene(t)
	s.agents("one")
	s.route("orders", []string{"one"})
	s.ready("orders")
	before := get(s, "orders-fanout", &appsv1.Deployment{})
	t.Cleanup(func() {
		if err := applyManifest(context.WithoutCancel(t.Context()), rendered("install.yaml")); err != nil {
			t.Error(err)
		}
	})
	deleteCRD(t)
	if err := applyManifest(t.Context(), rendered("install.yaml")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "routes are taken again", func() bool {
		return kube.List(t.Context(), routes(), client.InNamespace(s.namespace)) == nil
	})
	s.route("orders", []string{"one"})
	took := eventually(t, "the new route is ready", func() bool {
		c := s.condition("orders", "Ready")
		return c != nil && c.Status == metav1.ConditionTrue
	})
	figure(t, "CRD deleted and applied again → a new route of the same name is Ready", "%.0f s", took.Seconds())
	if after := get(s, "orders-fanout", &appsv1.Deployment{}); after.UID == before.UID {
		t.Error("the new route has adopted the old one's Deployment")
	}
}

func routes() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "fanout.dev", Version: "v1alpha1", Kind: "FanoutRouteList"})
	return list
}

func deleteCRD(t *testing.T) {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	crd.SetName("fanoutroutes.fanout.dev")
	if err := kube.Delete(t.Context(), crd); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	eventually(t, "the CRD is gone", func() bool {
		return apierrors.IsNotFound(kube.Get(t.Context(), client.ObjectKeyFromObject(crd), crd))
	})
}
