package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// previousTag is the same image under an older name: an upgrade changes it.
const previousTag = "v0.0.9"

func helm(t *testing.T, args ...string) {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		path = filepath.Join("..", "..", ".cluster", "kubeconfig")
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join("..", "..", "bin", "helm"),
		append(args, "--namespace", system, "--kubeconfig", path)...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("helm %v: %v: %s", args, err, output)
	}
}

// The chart installs, and its upgrade keeps routes and loses no call; uninstalling it
// keeps the routes.
func TestHelmInstallsUpgradesAndUninstalls(t *testing.T) {
	uninstallDefault(t)
	chart := filepath.Join("..", "..", "charts", "fanout")
	if err := kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: system}}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	helm(t, "install", "fanout", chart, "--set", "image.tag="+previousTag, "--wait", "--timeout", "2m")
	s := newScene(t)
	agents := s.agents("one", "load")
	s.route("orders", []string{"one"})
	s.ready("orders")
	agents[1].load(s.url("orders"), 100, 10, false)
	helm(t, "upgrade", "fanout", chart, "--set", "sidecar.enabled=true", "--wait", "--timeout", "2m")
	eventually(t, "the proxies have the new image", func() bool {
		return get(s, "orders-fanout", &appsv1.Deployment{}).Spec.Template.Spec.Containers[0].Image == "fanout.dev/fanout:v0.1.0"
	})
	s.rolledOut("orders-fanout")
	helm(t, "uninstall", "fanout", "--wait")
	agents[1].sent(100)
	total := agents[1].end()
	s.allGood(total)
	figure(t, "chart upgraded, then uninstalled, at 100 calls a second", "%d calls, %d not 200", total.Sent, total.Sent-total.good())
	if s.condition("orders", "Ready") == nil {
		t.Error("the route is gone with the chart")
	}
	deleteCRD(t)
}

// uninstallDefault removes what the other tests installed: helm takes over nothing.
func uninstallDefault(t *testing.T) {
	t.Helper()
	list, err := objects(rendered("install.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		if err := kube.Delete(t.Context(), u); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
	deleteCRD(t)
	eventually(t, "the operator's namespace is gone", func() bool {
		return apierrors.IsNotFound(kube.Get(t.Context(), client.ObjectKey{Name: system}, &corev1.Namespace{}))
	})
}
