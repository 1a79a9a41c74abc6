package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// digest is one that the schema takes.
var digest = "sha256:" + strings.Repeat("0", 64)

// everything sets each value of the chart but namespaces.
var everything = []string{
	"--set", "sidecar.enabled=true,fastRotation.enabled=true,monitoring.enabled=true,omitUser=true,replicas=3",
	"--set", "image.repository=registry.example.com/fanout,image.pullPolicy=Always,image.digest=" + digest,
	"--set", "priorityClassName=high,extraArgs={--require-allowed-hosts}",
	"--set-json", `imagePullSecrets=[{"name":"registry"}]`,
	"--set-json", `proxies={"imagePullSecrets":[{"name":"mirror"}]}`,
	"--set-json", `nodeSelector={"kubernetes.io/os":"linux"}`,
	"--set-json", `tolerations=[{"key":"dedicated","operator":"Exists","effect":"NoSchedule"}]`,
	"--set-json", `affinity={"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"preference":{"matchExpressions":[{"key":"zone","operator":"Exists"}]}}]}}`,
	"--set-json", `topologySpreadConstraints=[{"maxSkew":2,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]`,
	"--set-json", `podLabels={"team":"platform"}`,
	"--set-json", `dashboard={"enabled":true,"tlsSecretName":"page-tls","hosts":["fanout.example.com"]}`,
	"--set-json", `podAnnotations={"example.com/x":"y"}`,
	"--set-json", `serviceAccount={"annotations":{"example.com/role":"r"}}`,
	"--set-json", `monitoring.labels={"release":"prometheus"}`,
	"--set-json", `resources={"requests":{"cpu":1,"memory":"1Gi"},"limits":{"memory":"1Gi"}}`,
}

func chart() string { return filepath.Join(testkit.Root(), "charts", "fanout") }

// helm runs the one that the chart is linted with. Building it takes minutes, so that it is
// not for `make test`.
func helm(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	program := os.Getenv("HELM")
	if program == "" {
		t.Skip("HELM is not set: `make lint-chart` builds helm and runs this")
	}
	out, errs := &bytes.Buffer{}, &bytes.Buffer{}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Run(); err != nil {
		return out.String(), errors.New(errs.String())
	}
	return out.String(), nil
}

// render is what a release consists of.
func render(t *testing.T, release, namespace string, values ...string) []*unstructured.Unstructured {
	t.Helper()
	out, err := helm(t, append([]string{"template", release, chart(), "--namespace", namespace}, values...)...)
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, out)
}

func objects(t *testing.T, manifest string) (list []*unstructured.Unstructured) {
	t.Helper()
	for decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096); ; {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatalf("read rendered chart: %v", err)
		}
		if len(u.Object) > 0 {
			list = append(list, u)
		}
	}
}

// find is the object of that kind and name.
func find(t *testing.T, list []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, u := range list {
		if u.GetKind() == kind && u.GetName() == name {
			return u
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}

func id(u *unstructured.Unstructured) string {
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}
