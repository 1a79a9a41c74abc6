package gitops

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// chart is one of a user, who templates the sample's route.
func chart(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	template := filepath.Join(folder, "templates", "orders.yaml")
	if err := os.MkdirAll(filepath.Dir(template), 0o755); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		filepath.Join(folder, "Chart.yaml"): "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
		template:                            samples(t)["orders.yaml"],
	} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// besideOthers: kubectl and Helm apply the route that Flux applies, again and again. Nobody
// sees a conflict, the spec stays as it is, and no proxy is rolled. Of different values Helm
// tells by a conflict, and Flux's stays.
func (f flux) besideOthers(t *testing.T) {
	before, proxies := route(t), proxyPods(t)
	file, folder := rootFile("config", "samples", "orders.yaml"), chart(t)
	helm(t, "install", "shop", folder, "--take-ownership", "--wait", "--timeout", "1m")
	for range 2 {
		run(t, "kubectl", "apply", "--server-side", "-f", file)
		run(t, "kubectl", "apply", "-f", file)
		helm(t, "upgrade", "shop", folder, "--wait", "--timeout", "1m")
		f.pass(t)
	}
	// Flux takes away what kubectl left: its annotation, and its place among the owners.
	after := route(t)
	if got := owners(t, after); !slices.Equal(got, []string{"helm Apply", "kustomize-controller Apply"}) {
		t.Errorf("the spec is owned by %v", got)
	}
	if _, ok := after.GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"]; ok {
		t.Error("kubectl's annotation stays")
	}
	settles := time.Now()
	f.pass(t)
	f.pass(t)
	if counts := requests(t, settles); corrections(counts) > 0 {
		t.Errorf("Flux goes on writing: %v", counts)
	}
	if after.GetGeneration() != before.GetGeneration() || text(t, after) != text(t, before) {
		t.Errorf("the spec of generation %d became that of %d", before.GetGeneration(), after.GetGeneration())
	}
	if now := proxyPods(t); now != proxies {
		t.Errorf("the proxies were %s and are %s", proxies, now)
	}
	f.otherValue(t, folder)
	helm(t, "uninstall", "shop", "--wait")
	recreated(t, before)
	settled(t)
}

// otherValue lets Helm apply another value than Flux.
func (f flux) otherValue(t *testing.T, folder string) {
	t.Helper()
	next := samples(t).with(t, "orders.yaml", "timeout: 2s", "timeout: 3s")["orders.yaml"]
	if err := os.WriteFile(filepath.Join(folder, "templates", "orders.yaml"), []byte(next), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, rootFile("bin", "helm"), "upgrade", "shop", folder, "--namespace", shop).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `conflict with "kustomize-controller": .spec.dispatch.timeout`) {
		t.Errorf("of another value helm says %v: %s", err, out)
	}
}

func helm(t *testing.T, args ...string) {
	t.Helper()
	run(t, rootFile("bin", "helm"), append(args, "--namespace", shop)...)
}

// run runs a program against the cluster.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := command(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), name, append(args, "--kubeconfig", kubeconfig())...)
}

// pass waits until Flux has begun and ended a pass.
func (f flux) pass(t *testing.T) {
	t.Helper()
	f.ask(t, kustomizationVersion, "Kustomization")
	u, err := find(t.Context(), kustomizationVersion, "Kustomization", fluxSystem, shop)
	if err != nil {
		t.Fatal(err)
	}
	asked := u.GetAnnotations()["reconcile.fluxcd.io/requestedAt"]
	eventually(t, "Flux handled what it was asked", func() bool {
		u, err := find(t.Context(), kustomizationVersion, "Kustomization", fluxSystem, shop)
		if err != nil {
			return false
		}
		status, _ := u.Object["status"].(map[string]any)
		return status["lastHandledReconcileAt"] == asked && conditionOf(u, "Ready").Status == "True"
	})
}

// proxyPods are the names of the route's proxies.
func proxyPods(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, "kubectl", "get", "pods", "-n", shop, "-l", "fanout.dev/route=orders", "-o", "name"))
}
