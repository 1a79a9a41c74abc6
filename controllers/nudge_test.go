package controllers_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// A Pod is told a second time where its proxy has said meanwhile that it does not serve the document, and
// not where nobody has heard it: an operator that stood still does not write what is served by now.
func TestAPodIsToldAgainOnceItWasHeard(t *testing.T) {
	t.Parallel()
	namespace, f := newNamespace(t), newFleet()
	route := newRoute(namespace, "orders", "https://one.example.com/")
	create(t, route)
	startOperatorWith(t, f, func(*controllers.RouteReconciler) {}, namespace)
	testkit.Eventually(t, "it has its children", func() bool { return hasChildren(t, route) })
	address := standIn(t, route, 0, nil)
	hash := func() string {
		return routeconfig.Hash([]byte(get(t, namespace, desired.Name(route), &corev1.ConfigMap{}).Data[desired.DocumentKey]))
	}
	says := func(document string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.says[address] = calls(route, document, 1000)
	}
	says(hash())
	rollout(t, route, complete)
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	before := hash()
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "4s" })
	testkit.Eventually(t, "the document is written", func() bool { return hash() != before })
	told := func() string {
		list := &corev1.PodList{}
		if err := admin.List(t.Context(), list, client.InNamespace(namespace)); err != nil || len(list.Items) != 1 {
			t.Fatalf("%d Pods, error %v", len(list.Items), err)
		}
		if list.Items[0].Annotations[v1alpha1.DocumentAnnotation] != hash() {
			return ""
		}
		return list.Items[0].Annotations[v1alpha1.NudgeAnnotation]
	}
	testkit.Eventually(t, "the Pod is told", func() bool { return told() == "1" })
	shut := make(chan struct{})
	f.mu.Lock()
	f.shut = shut
	f.mu.Unlock()
	waitFor(3 * time.Second)
	if n := told(); n != "1" {
		t.Errorf("a Pod that was not heard was told %s times", n)
	}
	close(shut)
	testkit.Eventually(t, "it is told again", func() bool { return told() == "2" })
}
