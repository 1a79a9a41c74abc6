package controllers_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// looks counts what is read past the cache, and notes how Pods are listed.
type looks struct {
	mu       sync.Mutex
	services int
	lists    []fields.Selector
}

// live counts the Services that are asked for.
type live struct {
	client.Reader
	looks *looks
}

func (l live) Get(ctx context.Context, key client.ObjectKey, object client.Object, o ...client.GetOption) error {
	if _, metadata := object.(*metav1.PartialObjectMetadata); metadata {
		l.looks.mu.Lock()
		l.looks.services++
		l.looks.mu.Unlock()
	}
	return l.Reader.Get(ctx, key, object, o...)
}

// cached notes lists of Pods.
type cached struct {
	client.Client
	looks *looks
}

func (c cached) List(ctx context.Context, list client.ObjectList, o ...client.ListOption) error {
	if _, ok := list.(*corev1.PodList); ok {
		options := (&client.ListOptions{}).ApplyOptions(o)
		c.looks.mu.Lock()
		c.looks.lists = append(c.looks.lists, options.FieldSelector)
		c.looks.mu.Unlock()
	}
	return c.Client.List(ctx, list, o...)
}

func (l *looks) take() (services int, lists []fields.Selector) {
	l.mu.Lock()
	defer l.mu.Unlock()
	services, lists = l.services, l.lists
	l.services, l.lists = 0, nil
	return services, lists
}

// written returns what is written until nothing was for a second.
func (o *operator) written(t *testing.T) (all []string) {
	t.Helper()
	for quiet := time.Now(); time.Since(quiet) < time.Second; time.Sleep(50 * time.Millisecond) {
		if list := o.writes.take(); len(list) > 0 {
			all, quiet = append(all, list...), time.Now()
		}
	}
	return all
}

// An edit that is served within a second is four writes: the document, a word to each of two Pods, and
// the status. Nobody writes again what the cache has not seen yet, and an edit that is
// served before anybody has looked is not told as under way.
func TestAnEditIsFourWrites(t *testing.T) {
	t.Parallel()
	namespace, f, seen := newNamespace(t), newFleet(), &looks{}
	create(t, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "api"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}})
	route := newRoute(namespace, "orders", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{Name: "api", Service: &v1alpha1.ServiceReference{Name: "api", Port: 80}})
	})
	create(t, route)
	o := startOperatorWith(t, f, func(r *controllers.RouteReconciler) {
		r.Live, r.Client = live{r.Live, seen}, cached{r.Client, seen}
	}, namespace)
	testkit.Eventually(t, "it has its children", func() bool { return hasChildren(t, route) })
	addresses := []string{standIn(t, route, 0, nil), standIn(t, route, 1, nil)}
	hash := func() string {
		return routeconfig.Hash([]byte(get(t, namespace, desired.Name(route), &corev1.ConfigMap{}).Data[desired.DocumentKey]))
	}
	serve := func(document string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, address := range addresses {
			f.says[address] = calls(route, document, 1000)
		}
	}
	serve(hash())
	rollout(t, route, complete)
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	becomes(t, keyOf(route), "Reconciling", metav1.ConditionFalse, "Reconciled")
	o.settle(t)
	for _, timeout := range []v1alpha1.Duration{"4s", "5s", "6s"} {
		before, events := hash(), len(eventsWith(t, namespace, ""))
		seen.take()
		begun := time.Now()
		edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = timeout })
		testkit.Eventually(t, "the document is written", func() bool { return hash() != before })
		serve(hash())
		generation := get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Generation
		testkit.Eventually(t, "the edit is served", func() bool {
			return get(t, namespace, "orders", &v1alpha1.FanoutRoute{}).Status.ObservedGeneration == generation
		})
		may, told := 4, 0
		if time.Since(begun) > time.Second { // on a machine that is busy it is told as under way
			may, told = 5, 1
		}
		if list := o.written(t); len(list) > may || len(list) < 2 {
			t.Errorf("an edit made %d writes, want the document, two words to Pods and a status: %v", len(list), list)
		}
		if n := len(eventsWith(t, namespace, "")) - events; n > told {
			t.Errorf("an edit made %d events", n)
		}
		services, lists := seen.take()
		if services == 0 || services > 3 {
			t.Errorf("%d times it was asked whether the Service exists, in %d passes", services, len(lists))
		}
		for _, by := range lists {
			if by == nil || !strings.Contains(by.String(), "orders") {
				t.Errorf("Pods were listed by %v, which is no index", by)
			}
		}
	}
}
