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
	chart := helmReady(t)
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

// helmReady makes room for a release, in a namespace with labels, and returns the chart.
func helmReady(t *testing.T, labels ...string) (chart string) {
	t.Helper()
	uninstallDefault(t)
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: system, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	for i := 0; i+1 < len(labels); i += 2 {
		n.Labels[labels[i]] = labels[i+1]
	}
	if err := kube.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return filepath.Join("..", "..", "charts", "fanout")
}

// Q12: an operator that was scaled by hand is upgraded and rolled back, and keeps its
// number, with server-side apply, which is Helm 4's default.
func TestQ12HelmScaledByHandUpgradesAndRollsBack(t *testing.T) {
	chart := helmReady(t)
	operators := func(when, image string) {
		t.Helper()
		if err := operatorIsUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		d := get(&scene{t, system}, "fanout-operator", &appsv1.Deployment{})
		if got := d.Spec.Template.Spec.Containers[0].Image; *d.Spec.Replicas != 3 || got != image {
			t.Errorf("%s there are %d operators of %s, want 3 of %s", when, *d.Spec.Replicas, got, image)
		}
	}
	const before, after = "fanout.dev/fanout:" + previousTag, "fanout.dev/fanout:v0.1.0"
	helm(t, "install", "fanout", chart, "--set", "image.tag="+previousTag, "--wait", "--timeout", "2m")
	scaleOperator(t, 3)
	operators("scaled by hand", before)
	helm(t, "upgrade", "fanout", chart, "--reset-values", "--wait", "--timeout", "2m")
	operators("after the upgrade", after)
	helm(t, "rollback", "fanout", "1", "--wait", "--timeout", "2m")
	operators("after the rollback", before)
	helm(t, "upgrade", "fanout", chart, "--reset-values", "--wait", "--timeout", "2m")
	operators("after another upgrade", after)
	helm(t, "uninstall", "fanout", "--wait")
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
