package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rendered is a manifest that the Makefile rendered.
func rendered(name string) string { return filepath.Join("..", "..", "dist", name) }

// objects reads a manifest of many documents.
func objects(file string) ([]*unstructured.Unstructured, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	var list []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if len(u.Object) > 0 {
			list = append(list, u)
		}
	}
}

// installed applies a manifest, as `kubectl apply --server-side` does, and waits for
// the operator. At the end of the test the default install is back.
func installed(t *testing.T, manifest string) {
	t.Helper()
	if err := applyManifest(t.Context(), rendered(manifest)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := restoreDefault(ctx, rendered(manifest)); err != nil {
			t.Error(err)
		}
	})
}

func applyManifest(ctx context.Context, file string) error {
	list, err := objects(file)
	if err != nil {
		return err
	}
	for _, u := range list {
		for tries := 0; ; tries++ { // a CRD takes a moment before objects of it are taken
			err := kube.Apply(ctx, client.ApplyConfigurationFromUnstructured(u.DeepCopy()), client.FieldOwner("e2e"), client.ForceOwnership)
			if err == nil {
				break
			}
			if tries == 50 {
				return fmt.Errorf("apply %s %s: %w", u.GetKind(), u.GetName(), err)
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	return operatorIsUp(ctx)
}

// restoreDefault applies the default install, and deletes what another one had
// beyond it.
func restoreDefault(ctx context.Context, other string) error {
	if err := applyManifest(ctx, rendered("install.yaml")); err != nil {
		return err
	}
	ours, err := objects(rendered("install.yaml"))
	if err != nil {
		return err
	}
	theirs, err := objects(other)
	if err != nil {
		return err
	}
	id := func(u *unstructured.Unstructured) string {
		return u.GetKind() + "/" + u.GetNamespace() + "/" + u.GetName()
	}
	keep := map[string]bool{}
	for _, u := range ours {
		keep[id(u)] = true
	}
	for _, u := range theirs {
		if keep[id(u)] {
			continue
		}
		if err := kube.Delete(ctx, u); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %s: %w", id(u), err)
		}
	}
	return nil
}

// operatorIsUp waits until the operator runs as its Deployment says, and no Pod of
// an older one is left.
func operatorIsUp(ctx context.Context) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		d := &appsv1.Deployment{}
		pods := &corev1.PodList{}
		if kube.Get(ctx, client.ObjectKey{Namespace: system, Name: "fanout-operator"}, d) != nil || kube.List(ctx, pods, client.InNamespace(system)) != nil {
			continue
		}
		n := *d.Spec.Replicas
		if d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas == n && d.Status.AvailableReplicas == n &&
			len(pods.Items) == int(n) {
			return nil
		}
	}
	return fmt.Errorf("the operator is not up after %v", patience)
}

func scaleOperator(t *testing.T, n int32) {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "fanout-operator"}}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n))
	if err := steady(func() error { return kube.Patch(t.Context(), d, patch) }); err != nil {
		t.Fatal(err)
	}
	if err := operatorIsUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// withoutOperator runs with the operator scaled to nothing.
func withoutOperator(t *testing.T, do func()) {
	t.Helper()
	defer scaleOperator(t, 2)
	scaleOperator(t, 0)
	do()
}
