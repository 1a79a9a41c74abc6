// Package e2e runs the operator on a real cluster: that of KUBECONFIG, or the one
// that `make cluster-up` starts. `make e2e` loads the images, installs the operator
// and runs this. Each scenario has a namespace of its own, whose objects and logs
// are dumped where it fails, and may leave a figure for docs/operations/guarantees.md.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// system is the operator's namespace.
const system = "fanout-system"

var (
	config *rest.Config
	kube   client.WithWatch
	core   *kubernetes.Clientset

	figuresMu sync.Mutex
	figures   []string
)

func TestMain(m *testing.M) {
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	if err := notOurs(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	if err := applyManifest(context.Background(), rendered("install.yaml")); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: install the operator:", err)
		os.Exit(1)
	}
	code := m.Run()
	if len(figures) > 0 {
		fmt.Println("\nFigures:")
	}
	for _, f := range figures {
		fmt.Println("  " + f)
	}
	os.Exit(code)
}

// steady repeats a request to the API server that failed for no fault of its own: a
// busy or restarted one is not what is tested.
func steady(request func() error) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		err := request()
		if err == nil || lasting(err) || time.Now().After(end) {
			return err
		}
	}
}

// lasting reports whether an error is an answer, and not the lack of one.
func lasting(err error) bool {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonNotFound, metav1.StatusReasonAlreadyExists, metav1.StatusReasonConflict, metav1.StatusReasonInvalid,
		metav1.StatusReasonForbidden, metav1.StatusReasonBadRequest, metav1.StatusReasonUnauthorized:
		return true
	}
	return errors.Is(err, context.Canceled)
}

// notOurs refuses a cluster of somebody who has routes in it: tests delete the CRD.
func notOurs() error {
	list := &v1alpha1.FanoutRouteList{}
	if err := kube.List(context.Background(), list); err != nil {
		return nil // there is no CRD yet
	}
	for i := range list.Items {
		if name := list.Items[i].Namespace; !strings.HasPrefix(name, "e2e-") && name != "shop" && os.Getenv("E2E_FORCE") == "" {
			return fmt.Errorf("namespace %s of this cluster has FanoutRoutes, which the tests would delete: choose another cluster, or set E2E_FORCE=1", name)
		}
	}
	return nil
}

func connect() error {
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		path = filepath.Join("..", "..", ".cluster", "kubeconfig")
	}
	var err error
	if config, err = clientcmd.BuildConfigFromFlags("", path); err != nil {
		return fmt.Errorf("find a cluster (run `make e2e`, or set KUBECONFIG): %w", err)
	}
	config.QPS, config.Burst = 100, 200
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("set up scheme: %w", err)
	}
	if kube, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if core, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// figure keeps what a scenario measured.
func figure(t *testing.T, name, format string, args ...any) {
	t.Helper()
	line := name + ": " + fmt.Sprintf(format, args...)
	t.Log(line)
	figuresMu.Lock()
	defer figuresMu.Unlock()
	figures = append(figures, line)
}

// patience is how long a test waits before it takes something for broken. Machines of
// CI are slow, and how long it took is a figure, not a test.
const patience = 4 * time.Minute

// eventually waits until a condition holds, and returns how long that took.
func eventually(t *testing.T, what string, holds func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !holds() {
		if time.Since(start) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(start)
}
