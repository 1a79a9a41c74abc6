package controllers_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

// newNamespace makes a namespace of this test's own.
func newNamespace(t *testing.T) string {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := admin.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return n.Name
}

// operator is an operator that runs with its own rights in some namespaces.
type operator struct {
	reconciler *controllers.RouteReconciler
	writes     *writes
	stop       func()
}

// writes are the requests of an operator that change something, but for events.
type writes struct {
	mu   sync.Mutex
	list []string
}

func (w *writes) note(r *http.Request) {
	if r.Method == http.MethodGet || strings.Contains(r.URL.Path, "/events") {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, r.Method+" "+r.URL.Path)
}

// take returns the writes since the last take.
func (w *writes) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

type noting struct {
	next   http.RoundTripper
	writes *writes
}

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	n.writes.note(r)
	return n.next.RoundTrip(r)
}

// startOperator runs an operator until the end of the test, or its stop.
func startOperator(t *testing.T, namespaces ...string) *operator {
	t.Helper()
	return startOperatorWith(t, rates.NewHTTPFetcher(), func(*controllers.RouteReconciler) {}, namespaces...)
}

// startOperatorWith runs one that asks proxies its own way, or is another one.
func startOperatorWith(
	t *testing.T, fetcher rates.Fetcher, modify func(*controllers.RouteReconciler), namespaces ...string,
) *operator {
	t.Helper()
	o := &operator{writes: &writes{}}
	restricted := rest.CopyConfig(config)
	restricted.Impersonate = rest.ImpersonationConfig{UserName: apiserver.OperatorUser}
	restricted.Wrap(func(next http.RoundTripper) http.RoundTripper { return noting{next, o.writes} })
	cacheOptions, err := controllers.CacheOptions(namespaces)
	if err != nil {
		t.Fatal(err)
	}
	mgr, err := ctrl.NewManager(restricted, ctrl.Options{
		Scheme: apiserver.Scheme(), Cache: cacheOptions, Metrics: server.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	moved := make(controllers.Events, 1024)
	poller := rates.New(fetcher, 500*time.Millisecond, moved.Moved)
	o.reconciler = &controllers.RouteReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("fanout-operator"), Rates: poller,
		Compile: compile.Options{ListenPort: desired.CallsPort}, Proxies: desired.Options{Image: "fanout:test"},
	}
	modify(o.reconciler)
	if err := o.reconciler.SetUp(t.Context(), mgr, moved, 4); err != nil {
		t.Fatal(err)
	}
	if err := mgr.Add(manager.RunnableFunc(poller.Run)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	o.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(o.stop)
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		t.Fatal("the cache did not fill")
	}
	return o
}

// settle waits until the operator has written nothing for a second.
func (o *operator) settle(t *testing.T) {
	t.Helper()
	for quiet := time.Now(); time.Since(quiet) < time.Second; time.Sleep(50 * time.Millisecond) {
		if len(o.writes.take()) > 0 {
			quiet = time.Now()
		}
	}
}

// pass reconciles a route once, beside what the operator does by itself.
func (o *operator) pass(t *testing.T, key types.NamespacedName) {
	t.Helper()
	if _, err := o.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err != nil {
		t.Errorf("reconcile %s: %v", key, err)
	}
}

func get[T client.Object](t *testing.T, namespace, name string, object T) T {
	t.Helper()
	if err := admin.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, object); err != nil {
		t.Fatal(err)
	}
	return object
}
