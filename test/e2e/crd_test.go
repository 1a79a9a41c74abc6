package e2e

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// With the CRD go all routes, and with them their proxies; once it is back the
// operator goes on as if nothing had been.
func TestCRDDeletedAndAppliedAgain(t *testing.T) {
	s := newScene(t)
	s.agents("one")
	s.route("orders", []string{"one"})
	s.ready("orders")
	deleteCRD(t)
	eventually(t, time.Minute, "the proxies are gone", func() bool {
		return apierrors.IsNotFound(kube.Get(t.Context(), s.key("orders-fanout"), &appsv1.Deployment{}))
	})
	if err := applyManifest(t.Context(), rendered("install.yaml")); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "routes are taken again", func() bool {
		return kube.List(t.Context(), routes(), client.InNamespace(s.namespace)) == nil
	})
	s.route("orders", []string{"one"})
	figure(t, "CRD deleted and applied again → a new route is Ready", "%.0f s", s.ready("orders").Seconds())
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
	eventually(t, time.Minute, "the CRD is gone", func() bool {
		return apierrors.IsNotFound(kube.Get(t.Context(), client.ObjectKeyFromObject(crd), crd))
	})
}
