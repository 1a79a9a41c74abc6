package gitops

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// backends are what the sample calls: two agents, whose behaviour is set from outside, and
// the demo's identity provider; and the agent that calls the route.
const backends = `
apiVersion: v1
kind: Pod
metadata: {name: idp, namespace: shop, labels: {app: idp}}
spec:
  automountServiceAccountToken: false
  containers:
  - {name: apis, image: "fanout.dev/demo:v0", args: [-serve], readinessProbe: {tcpSocket: {port: 8083}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: idp, namespace: shop}
spec: {selector: {app: idp}, ports: [{port: 8080, targetPort: 8083}]}
`

const agentOf = `
---
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: shop, labels: {app: NAME}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 2
  containers:
  - {name: agent, image: "fanout.dev/e2e-agent:v0", readinessProbe: {httpGet: {path: /healthz, port: 9000}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: shop}
spec: {selector: {app: NAME}, ports: [{port: 8080}]}
`

// openShop makes the namespace of the samples with what they call, until the test is over.
func openShop(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}}
	gone := func() bool {
		return apierrors.IsNotFound(kube.Get(ctx, client.ObjectKeyFromObject(n), &corev1.Namespace{}))
	}
	t.Cleanup(func() {
		if err := kube.Delete(ctx, n); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
		eventually(t, "the shop is closed", gone)
	})
	if !gone() { // what an interrupted run left
		_ = kube.Delete(ctx, n)
		eventually(t, "the last shop is closed", gone)
	}
	if err := kube.Create(ctx, n.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Pods may be created", func() bool {
		return kube.Get(ctx, client.ObjectKey{Namespace: shop, Name: "default"}, &corev1.ServiceAccount{}) == nil
	})
	parts := []string{backends}
	for _, name := range []string{"api-one", "api-two", "caller"} {
		parts = append(parts, strings.ReplaceAll(agentOf, "NAME", name))
	}
	list, err := decode([]byte(strings.Join(parts, "")))
	if err != nil {
		t.Fatal(err)
	}
	if err := applyAll(ctx, "gitops", list); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what the samples call is there", func() bool {
		pods := &corev1.PodList{}
		return kube.List(ctx, pods, client.InNamespace(shop)) == nil && len(pods.Items) == 4 && !slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool {
			return !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue })
		})
	})
}

// order tells an agent what to do.
func order(t *testing.T, agent, verb, path string, body any) {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := core.CoreV1().RESTClient().Verb(verb).Namespace(shop).Resource("pods").Name(agent + ":9000").
		SubResource("proxy").Suffix(path).Body(encoded).DoRaw(t.Context())
	if err != nil {
		t.Fatalf("%s %s of %s: %v: %s", verb, path, agent, err, answer)
	}
}

// folder is what a repository holds: files by name.
type folder map[string]string

// samples are config/samples.
func samples(t *testing.T) folder {
	t.Helper()
	files, err := filepath.Glob(rootFile("config", "samples", "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("the samples are %v: %v", files, err)
	}
	f := folder{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f[filepath.Base(file)] = string(content)
	}
	return f
}

// with is the folder with a text in one file replaced.
func (f folder) with(t *testing.T, file, old, text string) folder {
	t.Helper()
	if strings.Count(f[file], old) != 1 {
		t.Fatalf("%s has %q %d times", file, old, strings.Count(f[file], old))
	}
	next := maps.Clone(f)
	next[file] = strings.Replace(f[file], old, text, 1)
	return next
}

// packed is the folder as a tar, packed by gzip.
func (f folder) packed(t *testing.T) []byte {
	t.Helper()
	var content bytes.Buffer
	z := gzip.NewWriter(&content)
	w := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(f[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

// condition is one of an object's status.
type condition struct {
	Status, Reason, Message string
	Generation              int64
}

func conditionOf(u *unstructured.Unstructured, kind string) condition {
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, entry := range list {
		c, ok := entry.(map[string]any)
		if !ok || c["type"] != kind {
			continue
		}
		text := func(name string) string { return fmt.Sprint(c[name]) }
		generation, _ := c["observedGeneration"].(int64)
		return condition{text("status"), text("reason"), text("message"), generation}
	}
	return condition{}
}

// route reads the sample's route.
func route(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	u, err := find(t.Context(), "fanout.dev/v1alpha1", "FanoutRoute", shop, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// settled waits until the route serves its newest spec, with all Pods there.
func settled(t *testing.T) {
	t.Helper()
	eventually(t, "orders is rolled out", func() bool {
		u, err := find(t.Context(), "fanout.dev/v1alpha1", "FanoutRoute", shop, "orders")
		if err != nil {
			return false
		}
		ready, reconciling := conditionOf(u, "Ready"), conditionOf(u, "Reconciling")
		return ready.Status == "True" && ready.Generation == u.GetGeneration() &&
			reconciling.Status == "False" && reconciling.Generation == u.GetGeneration()
	})
}

// scaleOperator sets the number of operators, and waits until they are there.
func scaleOperator(t *testing.T, n int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	err := retry.OnError(retry.DefaultBackoff, func(error) bool { return true }, func() error {
		u, err := find(ctx, "apps/v1", "Deployment", system, "fanout-operator")
		if err != nil {
			return err
		}
		return kube.Patch(ctx, u, client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n)))
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the operators are as many", func() bool {
		pods := &corev1.PodList{}
		return kube.List(ctx, pods, client.InNamespace(system)) == nil && len(pods.Items) == n
	})
	if err := available(ctx, system, "fanout-operator"); err != nil {
		t.Fatal(err)
	}
}

// hold fails where something is otherwise at any moment of a time.
func hold(t *testing.T, what string, span time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if !holds() {
			t.Fatalf("no longer so: %s", what)
		}
	}
}
