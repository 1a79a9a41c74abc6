package controllers_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// proxyPod is a real proxy process behind a Pod object's address: what kubelet and
// Deployment controller do on a node, the test does by hand.
type proxyPod struct {
	t        *testing.T
	name     string
	route    *v1alpha1.FanoutRoute
	address  string // of its own, since the ports are fixed
	document string
	secrets  *testkit.Secrets
}

var addresses atomic.Int32

// startPod starts a proxy without a document and makes its Pod ready.
func startPod(t *testing.T, route *v1alpha1.FanoutRoute) *proxyPod {
	t.Helper()
	n := addresses.Add(1)
	p := &proxyPod{
		t: t, route: route, name: fmt.Sprintf("%s-fanout-%d", route.Name, n), address: fmt.Sprintf("127.0.1.%d", n),
		document: filepath.Join(t.TempDir(), desired.DocumentKey), secrets: testkit.NewSecrets(t),
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "--document", p.document, "--credentials", p.secrets.Dir, "--allow-loopback",
		"--address", p.address, "--admin", fmt.Sprintf("%s:%d", p.address, desired.AdminPort))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	testkit.Eventually(t, "the proxy lives", func() bool { return p.get("/livez") == http.StatusOK })
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: p.name, Labels: desired.Labels(route)},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "proxy", Image: "fanout:test", Ports: []corev1.ContainerPort{
			{Name: desired.AdminPortName, ContainerPort: desired.AdminPort}}}}},
	}
	create(t, pod)
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: p.address, PodIPs: []corev1.PodIP{{IP: p.address}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	if err := admin.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *proxyPod) get(path string) int {
	r, _ := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s:%d%s", p.address, desired.AdminPort, path), nil)
	return status(r)
}

func status(r *http.Request) int {
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// sync writes the ConfigMap's document to the volume, as the kubelet does.
func (p *proxyPod) sync() {
	p.t.Helper()
	configMap := get(p.t, p.route.Namespace, desired.Name(p.route), &corev1.ConfigMap{})
	if err := os.WriteFile(p.document+".tmp", []byte(configMap.Data[desired.DocumentKey]), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(p.document+".tmp", p.document); err != nil {
		p.t.Fatal(err)
	}
}

// call sends a call to the proxy.
func (p *proxyPod) call() int {
	r, _ := http.NewRequest(http.MethodPost, fmt.Sprintf("http://%s:%d/", p.address, desired.CallsPort), strings.NewReader("{}"))
	return status(r)
}

func (p *proxyPod) pod() *corev1.Pod {
	p.t.Helper()
	return get(p.t, p.route.Namespace, p.name, &corev1.Pod{})
}

// waitFor is a moment in which something wrong would have shown.
func waitFor(d time.Duration) { time.Sleep(d) }
