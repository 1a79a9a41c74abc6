package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// children are those of all routes, by kind, namespace and name.
func children(t *testing.T, namespaces []string) map[string]client.Object {
	t.Helper()
	out := map[string]client.Object{}
	for _, namespace := range namespaces {
		configMaps, services, deployments := &corev1.ConfigMapList{}, &corev1.ServiceList{}, &appsv1.DeploymentList{}
		for _, list := range []client.ObjectList{configMaps, services, deployments} {
			if err := admin.List(t.Context(), list, client.InNamespace(namespace), client.HasLabels{v1alpha1.RouteLabel}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range configMaps.Items {
			out["ConfigMap "+namespace+"/"+configMaps.Items[i].Name] = &configMaps.Items[i]
		}
		for i := range services.Items {
			out["Service "+namespace+"/"+services.Items[i].Name] = &services.Items[i]
		}
		for i := range deployments.Items {
			out["Deployment "+namespace+"/"+deployments.Items[i].Name] = &deployments.Items[i]
		}
	}
	return out
}

// Many routes, the same names in several namespaces: nobody gets a neighbour's
// child, backend or fault.
//
// Case D3 of the field.
func TestD3FiveHundredRoutes(t *testing.T) {
	t.Parallel()
	const namespacesN, each = 5, 100
	b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, r.URL.Path)
	})
	var namespaces []string
	routes := map[types.NamespacedName]*v1alpha1.FanoutRoute{}
	var creating sync.WaitGroup
	for range namespacesN {
		namespace := newNamespace(t)
		namespaces = append(namespaces, namespace)
		for i := range each {
			name := fmt.Sprintf("r%d", i)
			route := newRoute(namespace, name, b.URL+"/"+namespace+"/"+name)
			routes[keyOf(route)] = route
			creating.Go(func() {
				if err := admin.Create(t.Context(), route); err != nil {
					t.Error(err)
				}
			})
		}
	}
	creating.Wait()
	began := time.Now()
	o := startOperator(t, namespaces...)
	for end := time.Now().Add(2 * time.Minute); len(children(t, namespaces)) < 3*len(routes); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d children of %d routes within two minutes", len(children(t, namespaces)), len(routes))
		}
	}
	t.Logf("%d routes had their children after %v", len(routes), time.Since(began).Round(time.Second))
	o.settle(t)
	before := children(t, namespaces)
	var documents []routeconfig.Route
	for key, route := range routes {
		child := types.NamespacedName{Namespace: key.Namespace, Name: desired.Name(route)}.String()
		for _, kind := range []string{"ConfigMap ", "Service ", "Deployment "} {
			if owner := metav1.GetControllerOf(before[kind+child]); owner == nil || owner.UID != route.UID {
				t.Errorf("%s%s is owned by %+v, want by %s", kind, child, owner, key)
			}
		}
		d, err := routeconfig.Decode([]byte(before["ConfigMap "+child].(*corev1.ConfigMap).Data[desired.DocumentKey]))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, d.Routes...)
	}
	eachAnswersFromItsOwnBackend(t, documents)

	broken := types.NamespacedName{Namespace: namespaces[0], Name: "r0"}
	edit(t, broken, func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "http://api.elsewhere.svc/" })
	becomes(t, broken, "Accepted", metav1.ConditionFalse, "Invalid")
	o.settle(t)
	for name, child := range children(t, namespaces) {
		if child.GetResourceVersion() != before[name].GetResourceVersion() {
			t.Errorf("%s was written because of another route's fault", name)
		}
	}
	for key := range routes {
		o.pass(t, key)
	}
	if list := o.writes.take(); len(list) > 0 {
		t.Errorf("a second pass over %d routes wrote %d times: %v", len(routes), len(list), list[:min(len(list), 5)])
	}
	o.stop()
	restarted(t, namespaces)
}

// restarted runs the operator's own process beside what another one left: L5 over 500
// routes, and the memory that it takes.
func restarted(t *testing.T, namespaces []string) {
	t.Helper()
	started(t, namespaces)
	before := map[string]string{}
	for _, namespace := range namespaces {
		for name, version := range everything(t, namespace) {
			before[namespace+" "+name] = version
		}
	}
	p := runOperator(t, namespaces)
	for end := time.Now().Add(time.Minute); p.passes() < len(before)/7; time.Sleep(100 * time.Millisecond) { // seven objects a route
		if time.Now().After(end) {
			t.Fatalf("the operator made %d passes within a minute, want one of each route", p.passes())
		}
	}
	waitFor(2 * time.Second)
	t.Logf("the operator's process took %s at most", p.memory())
	written := 0
	for _, namespace := range namespaces {
		for name, version := range everything(t, namespace) {
			if before[namespace+" "+name] != version {
				written++
			}
		}
	}
	if written > 0 {
		t.Errorf("a restart wrote %d of %d objects", written, len(before))
	}
}

func eachAnswersFromItsOwnBackend(t *testing.T, documents []routeconfig.Route) {
	t.Helper()
	for i := range documents {
		documents[i].Response.Type = routeconfig.ResponseFirst
		documents[i].Response.IdleTimeout = testkit.Span(time.Minute)
	}
	p := proxytest.Serve(t, proxy.Options{AccessLogSample: 1 << 30}, documents...)
	for i := range documents {
		id := documents[i].Namespace + "/" + documents[i].Name
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.AddressOf(id), strings.NewReader("{}"))
		if got := p.Send(r); got.Body != "/"+id {
			t.Errorf("route %s was answered by backend %q", id, got.Body)
		}
	}
}

// started gives each route two Pods as its Deployment makes them, which have not begun.
func started(t *testing.T, namespaces []string) {
	t.Helper()
	var creating sync.WaitGroup
	for _, namespace := range namespaces {
		list := &appsv1.DeploymentList{}
		if err := admin.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		creating.Go(func() {
			for i := range list.Items {
				template := &list.Items[i].Spec.Template
				for _, suffix := range []string{"-a", "-b"} {
					pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: template.Spec}
					pod.Namespace, pod.Name = namespace, list.Items[i].Name+suffix
					if err := admin.Create(t.Context(), pod); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	creating.Wait()
}
