// Package gitops runs what people deploy with, beside the operator on a real cluster:
// Flux's source-controller and kustomize-controller, built from their modules, Argo CD's
// diff, apply and Lua, Helm and kubectl. `make gitops` builds and loads the images and
// runs this; its figures are in docs/operations/gitops.md.
package gitops

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// system is the operator's namespace, fluxSystem Flux's, shop that of the samples.
	system     = "fanout-system"
	fluxSystem = "flux-system"
	shop       = "shop"

	// patience is how long a test waits before it takes something for broken. How long
	// it took is a figure, not a test: machines of CI are slow.
	patience = 4 * time.Minute
)

var (
	watchFor = flag.Duration("drift", 90*time.Second, "how long Flux is watched for drift while the status is written")

	config  *rest.Config
	kube    client.Client
	core    *kubernetes.Clientset
	figures []string
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
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

// start installs the operator and Flux.
func start(ctx context.Context) error {
	if err := connect(); err != nil {
		return err
	}
	list, err := manifest(rootFile("dist", "install.yaml"))
	if err != nil {
		return err
	}
	if err := applyAll(ctx, "gitops", list); err != nil {
		return err
	}
	if err := installFlux(ctx); err != nil {
		return err
	}
	return errors.Join(available(ctx, system, "fanout-operator"), available(ctx, fluxSystem, "source"),
		available(ctx, fluxSystem, "source-controller"), available(ctx, fluxSystem, "kustomize-controller"))
}

func rootFile(parts ...string) string {
	return filepath.Join(append([]string{"..", ".."}, parts...)...)
}

func kubeconfig() string {
	if path := os.Getenv("KUBECONFIG"); path != "" {
		return path
	}
	return rootFile(".cluster", "kubeconfig")
}

func connect() error {
	var err error
	if config, err = clientcmd.BuildConfigFromFlags("", kubeconfig()); err != nil {
		return fmt.Errorf("find a cluster (run `make gitops`, or set KUBECONFIG): %w", err)
	}
	config.QPS, config.Burst = 100, 200
	if kube, err = client.New(config, client.Options{}); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if core, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// manifest reads the objects of a file.
func manifest(file string) ([]*unstructured.Unstructured, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	list, err := decode(content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return list, nil
}

func decode(content []byte) (list []*unstructured.Unstructured, _ error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("decode manifest: %w", err)
		}
		if len(u.Object) > 0 {
			list = append(list, u)
		}
	}
}

func applyAll(ctx context.Context, manager string, list []*unstructured.Unstructured) error {
	for _, u := range list {
		for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) { // a CRD takes a moment before objects of it are taken
			err := kube.Apply(ctx, client.ApplyConfigurationFromUnstructured(u.DeepCopy()), client.FieldOwner(manager), client.ForceOwnership)
			if err == nil {
				break
			}
			if apierrors.IsInvalid(err) || time.Now().After(end) {
				return fmt.Errorf("apply %s %s: %w", u.GetKind(), u.GetName(), err)
			}
		}
	}
	return nil
}

// available waits until a Deployment runs as its spec says.
func available(ctx context.Context, namespace, name string) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		u, err := find(ctx, "apps/v1", "Deployment", namespace, name)
		if err != nil {
			continue
		}
		wanted, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
		seen, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
		there, _, _ := unstructured.NestedInt64(u.Object, "status", "replicas")
		ready, _, _ := unstructured.NestedInt64(u.Object, "status", "availableReplicas")
		if seen == u.GetGeneration() && there == wanted && ready == wanted {
			return nil
		}
	}
	return fmt.Errorf("deployment %s is not available after %v", name, patience)
}

func find(ctx context.Context, version, kind, namespace, name string) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(version)
	u.SetKind(kind)
	if err := kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, u); err != nil {
		return nil, fmt.Errorf("get %s %s: %w", kind, name, err)
	}
	return u, nil
}

// figure keeps what a test measured.
func figure(t *testing.T, name, format string, args ...any) {
	t.Helper()
	line := name + ": " + fmt.Sprintf(format, args...)
	t.Log(line)
	figures = append(figures, line)
}

// eventually waits until a condition holds, and returns how long that took.
func eventually(t *testing.T, what string, holds func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for !holds() {
		if time.Since(begun) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begun)
}
