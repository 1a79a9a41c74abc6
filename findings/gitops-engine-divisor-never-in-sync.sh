#!/usr/bin/env bash
# Argo CD's structured merge diff shows a resourceFieldRef without divisor as changed for ever.
#
# The API server fills in `divisor: "0"` where a Deployment leaves it out. The diff that Argo CD uses
# with server-side apply merges what is wanted over what is there; resourceFieldRef is atomic in the
# schema, so the merge takes the divisor away, and no default puts it back: the same object, just
# applied, is Modified. The three-way diff of the same two objects finds nothing.
#
# Seen with gitops-engine v0.0.0-20260914071520-c9c369efcc5b, go1.26.8, 2026-11-28.
# Needs Go 1.26. Fails when the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff/testdata"
	openapi "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	openapiproto "k8s.io/kube-openapi/pkg/util/proto"
	"sigs.k8s.io/yaml"
)

const wanted = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: a
  namespace: b
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec:
      containers:
      - name: c
        image: c
        env:
        - name: LIMIT
          valueFrom:
            resourceFieldRef: {resource: limits.memory}
`

// managed is what the API server notes of the apply.
const managed = `
- apiVersion: apps/v1
  fieldsType: FieldsV1
  manager: argocd-controller
  operation: Apply
  fieldsV1:
    f:spec:
      f:selector: {}
      f:template:
        f:metadata: {f:labels: {f:app: {}}}
        f:spec:
          f:containers:
            'k:{"name":"c"}':
              .: {}
              f:name: {}
              f:image: {}
              f:env:
                'k:{"name":"LIMIT"}':
                  .: {}
                  f:name: {}
                  f:valueFrom: {f:resourceFieldRef: {}}
`

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func object(text string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		panic(err)
	}
	return u
}

func main() {
	document := &openapi.Document{}
	if err := proto.Unmarshal(testdata.OpenAPIV2Doc, document); err != nil {
		panic(err)
	}
	parser := must(managedfields.NewGVKParser(must(openapiproto.NewOpenAPIData(document)), false))
	var fields []any
	if err := yaml.Unmarshal([]byte(managed), &fields); err != nil {
		panic(err)
	}
	for _, divisor := range []string{"", ", divisor: \"0\""} {
		config := object(strings.Replace(wanted, "limits.memory}", "limits.memory"+divisor+"}", 1))
		live := object(strings.Replace(wanted, "limits.memory}", "limits.memory, divisor: \"0\"}", 1))
		if err := unstructured.SetNestedSlice(live.Object, fields, "metadata", "managedFields"); err != nil {
			panic(err)
		}
		structured := must(diff.StructuredMergeDiff(config.DeepCopy(), live.DeepCopy(), parser, "argocd-controller"))
		delete(live.Object["metadata"].(map[string]any), "managedFields")
		threeWay := must(diff.ThreeWayDiff(config.DeepCopy(), config.DeepCopy(), live.DeepCopy()))
		fmt.Printf("divisor named: %v; modified by the structured merge diff: %v, by three ways: %v\n", divisor != "", structured.Modified, threeWay.Modified)
	}
}
GO
go mod init finding > /dev/null 2>&1
go get github.com/argoproj/argo-cd/gitops-engine@v0.0.0-20260914071520-c9c369efcc5b > /dev/null 2>&1
# k8s.io/kubernetes names its parts by replacements, which a module does not hand on.
go mod download github.com/argoproj/argo-cd/gitops-engine
sed -n '/^replace (/,/^)/p' "$(go list -m -f '{{.Dir}}' github.com/argoproj/argo-cd/gitops-engine)/go.mod" >> go.mod
go mod tidy > /dev/null 2>&1

got=$(go run .)
echo "$got"
[ "$got" = "divisor named: false; modified by the structured merge diff: true, by three ways: false
divisor named: true; modified by the structured merge diff: false, by three ways: false" ] || { echo "the behaviour has changed"; exit 1; }
