package controllers_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func hasChildren(t *testing.T, route *v1alpha1.FanoutRoute) bool {
	for _, child := range []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}} {
		if err := admin.Get(t.Context(), client.ObjectKey{Namespace: route.Namespace, Name: desired.Name(route)}, child); err != nil {
			return false
		}
	}
	return true
}

// serving makes a route in a namespace of its own, with an operator that has made
// its children.
func serving(t *testing.T, url string, modify ...func(*v1alpha1.FanoutRoute)) (*v1alpha1.FanoutRoute, *operator) {
	t.Helper()
	route := newRoute(newNamespace(t), "orders", url, modify...)
	create(t, route)
	o := startOperator(t, route.Namespace)
	testkit.Eventually(t, "the children are there", func() bool { return hasChildren(t, route) })
	return route, o
}

// Ready is observed, not assumed: it takes a proxy that reports the document.
func TestReadyOnlyWhenAProxyServesTheSpec(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	b := testkit.NewBackend(t, nil)
	route := newRoute(namespace, "orders", b.URL)
	create(t, route)
	key := keyOf(route)
	if c := condition(t, key, "Ready"); c.Status != metav1.ConditionUnknown || c.Reason != "Pending" {
		t.Errorf("before the operator has seen the route Ready is %s/%s", c.Status, c.Reason)
	}
	startOperator(t, namespace)
	testkit.Eventually(t, "the children are there", func() bool { return hasChildren(t, route) })
	becomes(t, key, "Programmed", metav1.ConditionFalse, "Pending")
	pod := startPod(t, route)
	testkit.Eventually(t, "the Pod is told of the document", func() bool { return pod.pod().Annotations[v1alpha1.DocumentAnnotation] != "" })
	waitFor(time.Second)
	if c := condition(t, key, "Ready"); c.Status == metav1.ConditionTrue {
		t.Error("Ready although the proxy has no document")
	}
	pod.sync()
	becomes(t, key, "Ready", metav1.ConditionTrue, "Ready")
	for range 20 {
		if got := pod.call(); got != http.StatusOK {
			t.Errorf("a call was answered %d", got)
		}
	}
	testkit.Eventually(t, "the status has a success rate", func() bool {
		s := get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Status
		return len(s.Backends) == 1 && s.Backends[0].SuccessRate == "100%" && s.Backends[0].State == "Healthy" && s.Traffic != nil && s.HealthyBackends == "1/1"
	})
	edit(t, key, func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "4s" })
	edited := get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Generation
	testkit.Eventually(t, "the edit is seen", func() bool { return condition(t, key, "Reconciling").ObservedGeneration == edited })
	if c := condition(t, key, "Ready"); c.ObservedGeneration == edited {
		t.Error("Ready speaks of the edit before a proxy serves it")
	}
	pod.sync()
	testkit.Eventually(t, "the edit is served", func() bool {
		c := condition(t, key, "Ready")
		return c.Status == metav1.ConditionTrue && c.ObservedGeneration == edited
	})
	events := &eventsv1.EventList{}
	testkit.Eventually(t, "there is an event", func() bool {
		return admin.List(t.Context(), events, client.InNamespace(namespace)) == nil && slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool {
			return e.Reason == "Ready" && e.Regarding.Name == "orders"
		})
	})
}

// A Pod that does not report the document is told again, a few times; one that
// does is left alone.
func TestNudgesAreClosedLoop(t *testing.T) {
	t.Parallel()
	route, _ := serving(t, testkit.NewBackend(t, nil).URL)
	slow := startPod(t, route)
	testkit.Eventually(t, "it is told again", func() bool { return slow.pod().Annotations[v1alpha1.NudgeAnnotation] == "2" })
	slow.sync()
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	before := slow.pod().ResourceVersion
	waitFor(3 * time.Second)
	if after := slow.pod().ResourceVersion; after != before {
		t.Errorf("a Pod that serves the document was told again: %v", slow.pod().Annotations)
	}
}

func TestHandEditsAreRepaired(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	namespace := route.Namespace
	o.settle(t)
	name := desired.Name(route)
	service := get(t, namespace, name, &corev1.Service{})
	service.Spec.Ports[0].Port = 1234
	if err := admin.Update(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	configMap := get(t, namespace, name, &corev1.ConfigMap{})
	configMap.Data[desired.DocumentKey] = "{}"
	if err := admin.Update(t.Context(), configMap); err != nil {
		t.Fatal(err)
	}
	deployment := get(t, namespace, name, &appsv1.Deployment{})
	deployment.Spec.Template.Spec.Containers[0].Image = "evil:latest"
	delete(deployment.Labels, "app.kubernetes.io/managed-by")
	if err := admin.Update(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the edits are undone", func() bool {
		d := get(t, namespace, name, &appsv1.Deployment{})
		return get(t, namespace, name, &corev1.Service{}).Spec.Ports[0].Port == 8080 &&
			get(t, namespace, name, &corev1.ConfigMap{}).Data[desired.DocumentKey] != "{}" &&
			d.Spec.Template.Spec.Containers[0].Image == "fanout:test" && d.Labels["app.kubernetes.io/managed-by"] != ""
	})
	if err := admin.Delete(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the Service is back", func() bool { return hasChildren(t, route) })
}

// Case D4 of the field.
func TestD4RolloutRestartSurvives(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	namespace := route.Namespace
	o.settle(t)
	deployment := get(t, namespace, desired.Name(route), &appsv1.Deployment{})
	restart := []byte(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-02T03:04:05Z"}}}}}`)
	if err := admin.Patch(t.Context(), deployment, client.RawPatch("application/strategic-merge-patch+json", restart), client.FieldOwner("kubectl-rollout")); err != nil {
		t.Fatal(err)
	}
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Replicas = new(int32(5)) })
	testkit.Eventually(t, "the edit is applied", func() bool {
		return *get(t, namespace, desired.Name(route), &appsv1.Deployment{}).Spec.Replicas == 5
	})
	o.settle(t)
	if got := get(t, namespace, desired.Name(route), &appsv1.Deployment{}).Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"]; got == "" {
		t.Error("the restart was reverted")
	}
}

// Case D7 of the field.
func TestD7MissingSecretKeyShowsAndHeals(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", testkit.NewBackend(t, nil).URL, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "partner", Key: "token", Header: "X-Key"}}
	})
	create(t, route)
	startOperator(t, namespace)
	testkit.Eventually(t, "the children are there", func() bool { return hasChildren(t, route) })
	pod := startPod(t, route)
	pod.sync()
	c := becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionFalse, "SecretMissing")
	if c.Message != `Secret "partner" is missing or empty for backend "one"` { // R12
		t.Errorf("message is %q", c.Message)
	}
	becomes(t, keyOf(route), "Ready", metav1.ConditionFalse, "SecretMissing")
	pod.secrets.Mount(namespace, "partner", map[string]string{"token": "v"})
	becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs")
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	events := &eventsv1.EventList{}
	told := func(reason string) (n int) {
		if err := admin.List(t.Context(), events, client.InNamespace(route.Namespace)); err != nil {
			t.Fatal(err)
		}
		for i := range events.Items {
			if events.Items[i].Reason == reason {
				n++
			}
		}
		return n
	}
	testkit.Eventually(t, "the healing is told", func() bool { return told("Ready") == 1 })
	if n := told("SecretMissing"); n != 1 {
		t.Errorf("the missing key was told %d times, want once for all conditions that hang on it", n)
	}
}

// N2, N4, R1: what keeps a Secret from its backend, and a backend that refuses what it is
// shown, stand in the status.
func TestN2N4R1WhatIsWrongWithACredentialShowsAndHeals(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	b := testkit.NewBackend(t, testkit.Respond(http.StatusUnauthorized, "", ""))
	host := strings.TrimPrefix(b.URL, "http://")
	route := newRoute(namespace, "orders", b.URL, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "partner", Key: "token", Header: "X-Key"}}
	})
	create(t, route)
	startOperator(t, namespace)
	testkit.Eventually(t, "the children are there", func() bool { return hasChildren(t, route) })
	pod := startPod(t, route)
	pod.sync()
	for _, row := range []struct {
		keys map[string]string
		want string
	}{
		{map[string]string{"token": "a\nb"}, `Secret "partner": key "token" holds more than one line: leave one, and at most one line end behind it for backend "one"`},
		{map[string]string{"token": "v", "allowedHosts": b.URL}, `Secret "partner": allowedHosts does not cover ` + host +
			`; line 1 of it can never match: it has a scheme; write host or host:port for backend "one"`},
	} {
		pod.secrets.Mount(namespace, "partner", row.keys)
		if c := becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionFalse, "SecretUnusable"); c.Message != row.want {
			t.Errorf("message is %q, want %q", c.Message, row.want)
		}
		pod.secrets.Mount(namespace, "partner", map[string]string{"token": "v\r\n", "allowedHosts": host})
		becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs")
	}
	for range 3 {
		pod.call()
	}
	const refused = `status 401: it refuses the credential of Secret "partner"`
	if c := becomes(t, keyOf(route), "BackendsHealthy", metav1.ConditionFalse, "BackendsFailing"); c.Message != "one is Failing ("+refused+")" {
		t.Errorf("message is %q", c.Message)
	}
	one := get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Status.Backends[0]
	if one.State != v1alpha1.BackendFailing || one.LastFailure == nil || one.LastFailure.Message != refused {
		t.Errorf("backend is %+v", one)
	}
}

func TestSpecThatDoesNotCompileLeavesTheChildrenAlone(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	namespace := route.Namespace
	o.settle(t)
	before := get(t, namespace, desired.Name(route), &corev1.ConfigMap{}).ResourceVersion
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "http://api.other.svc/" })
	c := becomes(t, keyOf(route), "Accepted", metav1.ConditionFalse, "Invalid")
	if !strings.Contains(c.Message, `spec.backends[0].url`) {
		t.Errorf("message is %q, want the field in it", c.Message)
	}
	becomes(t, keyOf(route), "Stalled", metav1.ConditionTrue, "Invalid")
	if after := get(t, namespace, desired.Name(route), &corev1.ConfigMap{}).ResourceVersion; after != before {
		t.Error("the running children were touched")
	}
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "https://two.example.com/" })
	becomes(t, keyOf(route), "Accepted", metav1.ConditionTrue, "AcceptedUnauthenticated")
	becomes(t, keyOf(route), "Stalled", metav1.ConditionFalse, "Reconciled")
}

// Case D3 of the field.
func TestD3NamesakesAreNotAdopted(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	foreign := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "orders-fanout"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}}
	create(t, foreign)
	route := newRoute(namespace, "orders", "https://one.example.com/")
	create(t, route)
	o := startOperator(t, namespace)
	c := becomes(t, keyOf(route), "Accepted", metav1.ConditionFalse, "NameConflict")
	if !strings.Contains(c.Message, `Service "orders-fanout"`) {
		t.Errorf("message is %q", c.Message)
	}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(foreign), &appsv1.Deployment{}); !apierrors.IsNotFound(err) {
		t.Errorf("a Deployment was made beside the namesake: %v", err)
	}
	if s := get(t, namespace, "orders-fanout", &corev1.Service{}); len(s.OwnerReferences) > 0 || s.Spec.Ports[0].Port != 1 {
		t.Errorf("the foreign Service was changed: %+v", s)
	}
	if err := admin.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	o.pass(t, keyOf(route)) // the operator looks again every 30 s
	becomes(t, keyOf(route), "Accepted", metav1.ConditionTrue, "AcceptedUnauthenticated")
	testkit.Eventually(t, "the children are there", func() bool { return hasChildren(t, route) })
}

// Nothing of ours holds a route back: no finalizer, no webhook.
func TestDeletingWorksWithTheOperatorStopped(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	namespace := route.Namespace
	o.settle(t)
	o.stop()
	if err := admin.Delete(t.Context(), route); err != nil {
		t.Fatal(err)
	}
	if err := admin.Get(t.Context(), keyOf(route), route); !apierrors.IsNotFound(err) {
		t.Errorf("the route is still there: %v, finalizers %v", err, route.Finalizers)
	}
	for _, child := range []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}} {
		owners := get(t, namespace, desired.Name(route), child).GetOwnerReferences()
		if len(owners) != 1 || owners[0].UID != route.UID || !*owners[0].Controller {
			t.Errorf("%T has owners %+v: the garbage collector goes by them", child, owners)
		}
	}
}

// At steady load nothing is written: the budget is none in ten minutes, tested at
// exact times in package rates; here it is seen on a real API server.
//
// Case D1 of the field.
func TestD1SteadyLoadWritesNothing(t *testing.T) {
	t.Parallel()
	route, o := serving(t, testkit.NewBackend(t, nil).URL)
	pod := startPod(t, route)
	pod.sync()
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			pod.call()
			time.Sleep(10 * time.Millisecond)
		}
	}()
	becomes(t, keyOf(route), "BackendsHealthy", metav1.ConditionTrue, "BackendsHealthy")
	o.settle(t)
	waitFor(5 * time.Second)
	for range 3 {
		o.pass(t, keyOf(route))
	}
	if list := o.writes.take(); len(list) > 0 {
		t.Errorf("%d writes in 5 s of steady load and three passes: %v", len(list), list)
	}
	stop.Store(true)
	<-done
}

func TestRestartOfTheOperatorChangesNothing(t *testing.T) {
	t.Parallel()
	route, first := serving(t, "https://one.example.com/")
	namespace := route.Namespace
	first.settle(t)
	first.stop()
	versions := func() (list []string) {
		for _, child := range []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}} {
			list = append(list, get(t, namespace, desired.Name(route), child).GetResourceVersion())
		}
		return append(list, get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).ResourceVersion)
	}
	before := versions()
	second := startOperator(t, namespace)
	second.settle(t)
	if after := versions(); !slices.Equal(after, before) {
		t.Errorf("versions of children and route were %v, are %v", before, after)
	}
	second.pass(t, keyOf(route))
	if list := second.writes.take(); len(list) > 0 {
		t.Errorf("a second pass wrote %v", list)
	}
}

// What the API server has against a child stands in the status, and heals.
func TestRefusedChildrenShowAndHeal(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "none"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/deployments.apps": resource.MustParse("0")}}}
	create(t, quota)
	quota.Status.Hard = quota.Spec.Hard // the quota controller's part
	quota.Status.Used = corev1.ResourceList{"count/deployments.apps": resource.MustParse("0")}
	if err := admin.Status().Update(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	route := newRoute(namespace, "orders", "https://one.example.com/")
	create(t, route)
	startOperator(t, namespace)
	c := becomes(t, keyOf(route), "Programmed", metav1.ConditionFalse, "Refused")
	if !strings.Contains(c.Message, "exceeded quota") {
		t.Errorf("message is %q", c.Message)
	}
	if err := admin.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the children are there", func() bool { return hasChildren(t, route) })
	becomes(t, keyOf(route), "Programmed", metav1.ConditionFalse, "Pending")
}
