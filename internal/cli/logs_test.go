package cli

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// Lines of all Pods are told with their names, those of a Pod in their order; a Pod that
// cannot be read keeps nobody from the others.
func TestLogsOfAllProxies(t *testing.T) {
	t.Parallel()
	var asked string
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.RawQuery
			_, _ = w.Write([]byte(text))
		}
	}
	file := serveCluster(t, map[string]http.HandlerFunc{"shop/a": nil, "shop/b": nil, "shop/c": nil}, map[string]http.HandlerFunc{
		"GET /api/v1/namespaces/shop/pods/a/log": say("one\ntwo\n"), "GET /api/v1/namespaces/shop/pods/b/log": say("three"),
	})
	out, _, err := command(t, "", "logs", "orders", "--tail", "5", "--since", "90s", "--kubeconfig", file)
	if err == nil || !strings.Contains(err.Error(), "read the log of Pod c") {
		t.Errorf("a Pod without a log: %v", err)
	}
	if !strings.Contains(out, "a one\na two\n") || !strings.Contains(out, "b three\n") || strings.Count(out, "\n") != 3 {
		t.Errorf("logs are %q", out)
	}
	if asked != "container=proxy&sinceSeconds=90&tailLines=5" {
		t.Errorf("asked for %q", asked)
	}
}

// What is looked at in a Pod with a sidecar is the sidecar, whatever its application is called.
func TestSidecarsAreTheProxiesOfTheirPods(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{
		Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: v1alpha1.SidecarName}}, Containers: []corev1.Container{{Name: v1alpha1.ProxyName}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning,
			InitContainerStatuses: []corev1.ContainerStatus{{Name: v1alpha1.SidecarName, RestartCount: 2, Started: new(true), Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
			ContainerStatuses:     []corev1.ContainerStatus{{Name: v1alpha1.ProxyName, RestartCount: 7}}},
	}
	if got := restarts(pod); got != 2 || podReadiness(pod) != "Ready" {
		t.Errorf("%d restarts, %s; want 2 and Ready", got, podReadiness(pod))
	}
}
