package gitops

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fluxImage has Flux's two controllers and the source that they read from.
const fluxImage = "fanout.dev/gitops:v0"

// around is what Flux's own install has around the two controllers: kustomize-controller
// may do everything, and source-controller is not what is tested.
const around = `
apiVersion: v1
kind: Namespace
metadata: {name: flux-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cluster-reconciler-flux-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {kind: ServiceAccount, name: kustomize-controller, namespace: flux-system}
- {kind: ServiceAccount, name: source-controller, namespace: flux-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: kustomize-controller, namespace: flux-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: source-controller, namespace: flux-system}
---
apiVersion: v1
kind: Service
metadata: {name: source, namespace: flux-system}
spec:
  selector: {app: source}
  ports:
  - {name: registry, port: 5000}
  - {name: control, port: 9000}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: source, namespace: flux-system}
spec:
  replicas: 1
  selector: {matchLabels: {app: source}}
  template:
    metadata: {labels: {app: source}}
    spec:
      containers:
      - name: source
        image: ` + fluxImage + `
        command: [/source]
        readinessProbe: {httpGet: {path: /healthz, port: 9000}, periodSeconds: 1}
`

// installFlux installs the controllers by the manifests of their modules.
func installFlux(ctx context.Context) error {
	list, err := decode([]byte(around))
	if err != nil {
		return err
	}
	for _, name := range []string{"source-controller", "kustomize-controller"} {
		more, err := shipped(ctx, name)
		if err != nil {
			return err
		}
		list = append(list, more...)
	}
	return applyAll(ctx, "gitops", list)
}

// shipped are the CRDs, the Deployment and the Service of one of Flux's controllers.
func shipped(ctx context.Context, name string) (list []*unstructured.Unstructured, _ error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/fluxcd/"+name).Output()
	if err != nil {
		return nil, fmt.Errorf("find module of %s: %w", name, err)
	}
	folder := filepath.Join(strings.TrimSpace(string(out)), "config")
	crds, err := filepath.Glob(filepath.Join(folder, "crd", "bases", "*.yaml"))
	runs, err2 := filepath.Glob(filepath.Join(folder, "manager", "[ds]e*.yaml")) // deployment.yaml, service.yaml
	if err := errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("find manifests of %s: %w", name, err)
	}
	for _, file := range slices.Concat(crds, runs) {
		objects, err := manifest(file)
		if err != nil {
			return nil, err
		}
		list = append(list, objects...)
	}
	for _, u := range list {
		switch u.GetKind() {
		case "Service":
			u.SetNamespace(fluxSystem)
		case "Deployment":
			u.SetNamespace(fluxSystem)
			if err := ourImage(u, name); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// ourImage lets a Deployment run a program of the one image.
func ourImage(u *unstructured.Unstructured, program string) error {
	pod := []string{"spec", "template", "spec"}
	containers, _, err := unstructured.NestedSlice(u.Object, append(pod, "containers")...)
	if err != nil || len(containers) != 1 {
		return fmt.Errorf("%s has %d containers: %w", program, len(containers), err)
	}
	container, ok := containers[0].(map[string]any)
	if !ok {
		return fmt.Errorf("%s has a container of type %T", program, containers[0])
	}
	container["image"], container["command"] = fluxImage, []any{"/" + program}
	return errors.Join(unstructured.SetNestedSlice(u.Object, containers, append(pod, "containers")...),
		unstructured.SetNestedField(u.Object, program, append(pod, "serviceAccountName")...))
}
