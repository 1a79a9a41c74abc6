package kustomize_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/config/crd"
	"github.com/fanout-operator/fanout/internal/testkit"
)

type schema = apiextensionsv1.JSONSchemaProps

// walk visits every schema below one, lists by the path of their items.
func walk(path string, s *schema, visit func(path string, s *schema)) {
	visit(path, s)
	for name := range s.Properties {
		walk(strings.TrimPrefix(path+"/"+name, "/"), new(s.Properties[name]), visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		walk(path, s.Items.Schema, visit)
	}
}

func visitAll(t *testing.T, visit func(path string, s *schema)) {
	t.Helper()
	definition := apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(crd.FanoutRoutes(), &definition); err != nil {
		t.Fatal(err)
	}
	walk("", definition.Spec.Versions[0].Schema.OpenAPIV3Schema, visit)
}

// nameless are fields of the CRD that are called names and name no object of a cluster.
func nameless() []string {
	return []string{
		"spec/authentication/jwt/name",
		"spec/backends/name",
		"spec/backends/authentication/oauth2/parameters/name",
		"spec/backends/request/headers/set/name",
		"spec/backends/request/query/set/name",
		"spec/backends/tls/serverName",
		"spec/proxy/resources/claims/name", // of the Pod's own claims
		"spec/proxy/template/dnsConfig/options/name",
		"spec/rateLimitStore/redis/masterName",
		"spec/rateLimitStore/redis/tls/serverName",
		"spec/rateLimits/name",
		"spec/validation/rules/name",
	}
}

// Q5: every field that names an object is in names.yaml, and no other is.
func TestQ5EveryNameIsKnownToKustomize(t *testing.T) {
	t.Parallel()
	var names struct {
		NameReference []struct {
			Kind       string
			FieldSpecs []struct{ Kind, Path string }
		}
	}
	raw, err := os.ReadFile("names.yaml")
	if err == nil {
		err = yaml.Unmarshal(raw, &names)
	}
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, referred := range names.NameReference {
		for _, field := range referred.FieldSpecs {
			if field.Kind == "FanoutRoute" {
				kinds[field.Path] = referred.Kind
			}
		}
	}
	seen := map[string]bool{}
	visitAll(t, func(path string, s *schema) {
		last := path[strings.LastIndex(path, "/")+1:]
		if !strings.HasPrefix(path, "spec/") || s.Type != "string" || !strings.HasSuffix(strings.ToLower(last), "name") {
			return
		}
		seen[path] = true
		if slices.Contains(nameless(), path) == (kinds[path] != "") {
			t.Errorf("%s names a %q: it must be either in names.yaml or in the list of those that name no object", path, kinds[path])
		}
		if strings.HasSuffix(path, "ecretName") && kinds[path] != "Secret" {
			t.Errorf("%s is of kind %q in names.yaml", path, kinds[path])
		}
	})
	for path := range kinds {
		if !seen[path] {
			t.Errorf("names.yaml has %s, the CRD has not", path)
		}
	}
}

// write writes a file below a folder that may be missing.
func write(t *testing.T, path, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// overlay runs the pinned kustomize over the base and an overlay with what is shipped here
// and more.
func overlay(t *testing.T, more string) []map[string]any {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"kustomization.yaml", "names.yaml", "openapi.json"} {
		content, err := os.ReadFile(filepath.Clean(name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "overlay", "fanout", name), string(content))
	}
	write(t, filepath.Join(dir, "base", "route.yaml"), base)
	write(t, filepath.Join(dir, "base", "kustomization.yaml"), "resources: [route.yaml]\nsecretGenerator: [{name: made, literals: [k=v]}]\n")
	write(t, filepath.Join(dir, "overlay", "kustomization.yaml"),
		"resources: [../base]\ncomponents: [fanout]\nopenapi: {path: fanout/openapi.json}\n"+more)
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", filepath.Join(dir, "overlay"))
	cmd.Dir = testkit.Root()
	stderr := &strings.Builder{}
	cmd.Stderr = stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kustomize: %v: %s", err, stderr)
	}
	var objects []map[string]any
	for text := range strings.SplitSeq(string(out), "\n---\n") {
		object := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

// at is the value at a path such as spec/backends/one/url, where the items of lists go by
// name.
func at(object any, path string) any {
	for name := range strings.SplitSeq(path, "/") {
		switch node := object.(type) {
		case map[string]any:
			object = node[strings.ReplaceAll(name, "~", "/")]
		case []any:
			i := slices.IndexFunc(node, func(item any) bool {
				fields, _ := item.(map[string]any)
				return fields["name"] == name
			})
			if i < 0 {
				return nil
			}
			object = node[i]
		default:
			return nil
		}
	}
	return object
}

// order are the names of a list's items.
func order(list any) string {
	var names []string
	items, _ := list.([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		name, _ := fields["name"].(string)
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func find(t *testing.T, objects []map[string]any, kind string) map[string]any {
	t.Helper()
	i := slices.IndexFunc(objects, func(o map[string]any) bool { return o["kind"] == kind })
	if i < 0 {
		t.Fatalf("there is no %s", kind)
	}
	return objects[i]
}

const base = `
apiVersion: fanout.dev/v1alpha1
kind: FanoutRoute
metadata: {name: orders}
spec:
  listener: {tls: {secretName: plain}}
  authentication: {apiKeys: {secretName: plain}, basic: {secretName: plain}, jwt: [{name: idp, issuer: "https://idp.example.com", caSecretName: plain, audiences: [a]}, {name: till, audiences: [a], jwks: {configMapKeyRef: {name: keys, key: k}}}], clientCertificate: {caSecretName: plain}}
  rateLimits: [{name: all, requests: 1}, {name: each, requests: 2, key: {type: ClientIP}}]
  backends:
  - name: one
    url: https://one.example.com/
    authentication: {type: OAuth2, oauth2: {tokenURL: "https://idp.example.com/", secretName: made, scopes: [a], parameters: [{name: p, value: "1"}, {name: q, value: "2"}]}}
    tls: {caSecretName: plain, clientCertificateSecretName: made}
  - name: two
    service: {name: api, port: 80}
    authentication: {type: APIKey, apiKey: {secretName: made, key: k, header: X-Key}}
    request: {headers: {set: [{name: X-A, value: a}, {name: X-B, value: b}]}, query: {set: [{name: a, value: "1"}]}}
  - {name: three, url: "https://three.example.com/", authentication: {type: Basic, basic: {secretName: plain}}}
  - {name: four, url: "https://four.example.com/", authentication: {type: Bearer, bearer: {secretName: other}}}
  proxy: {template: {priorityClassName: high, tolerations: [{key: a, operator: Exists}]}}
---
{apiVersion: v1, kind: Secret, metadata: {name: plain}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: keys}}
---
{apiVersion: v1, kind: Service, metadata: {name: api}, spec: {ports: [{port: 80}, {port: 81}]}}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop, fanout.dev/route: orders}}
    spec: {containers: [{name: web, image: web, env: [{name: A, value: a}]}, {name: side, image: side}]}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: own}, spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: fanout.dev/v1alpha1, kind: FanoutRoute, name: orders}}}
`

// Q5: names that kustomize makes reach the route, and the route's own whoever names it.
func TestQ5KustomizePutsNamesIn(t *testing.T) {
	t.Parallel()
	objects := overlay(t, "namePrefix: eu-\n")
	route := find(t, objects, "FanoutRoute")
	made, _ := at(objects[slices.IndexFunc(objects, func(o map[string]any) bool {
		name, _ := at(o, "metadata/name").(string)
		return o["kind"] == "Secret" && strings.HasPrefix(name, "eu-made-")
	})], "metadata/name").(string)
	for path, want := range map[string]string{
		"spec/listener/tls/secretName":                           "eu-plain",
		"spec/authentication/apiKeys/secretName":                 "eu-plain",
		"spec/authentication/basic/secretName":                   "eu-plain",
		"spec/authentication/jwt/idp/caSecretName":               "eu-plain",
		"spec/authentication/jwt/till/jwks/configMapKeyRef/name": "eu-keys",
		"spec/authentication/clientCertificate/caSecretName":     "eu-plain",
		"spec/backends/one/authentication/oauth2/secretName":     made,
		"spec/backends/one/tls/caSecretName":                     "eu-plain",
		"spec/backends/one/tls/clientCertificateSecretName":      made,
		"spec/backends/two/authentication/apiKey/secretName":     made,
		"spec/backends/two/service/name":                         "eu-api",
		"spec/backends/three/authentication/basic/secretName":    "eu-plain",
		"spec/backends/four/authentication/bearer/secretName":    "other", // not of this kustomization
		"spec/proxy/template/priorityClassName":                  "eu-high",
		"spec/backends/two/name":                                 "two",
		"metadata/name":                                          "eu-orders",
	} {
		if got := at(route, path); got != want {
			t.Errorf("%s is %v, want %s", path, got, want)
		}
	}
	if got := at(find(t, objects, "Deployment"), "spec/template/metadata/labels/fanout.dev~route"); got != "eu-orders" {
		t.Errorf("the label of a Pod with a sidecar is %v", got)
	}
	if got := at(find(t, objects, "HorizontalPodAutoscaler"), "spec/scaleTargetRef/name"); got != "eu-orders" {
		t.Errorf("an autoscaler's route is %v", got)
	}
}

// Q10: a patch of one item keeps the others, in every list with keys.
func TestQ10KustomizePatchesOneItem(t *testing.T) {
	t.Parallel()
	objects := overlay(t, `
patches:
- patch: |
    apiVersion: fanout.dev/v1alpha1
    kind: FanoutRoute
    metadata: {name: orders}
    spec:
      rateLimits: [{name: each, requests: 3}]
      backends:
      - {name: one, authentication: {oauth2: {scopes: [b], parameters: [{name: q, value: "3"}]}}}
      - {name: two, timeout: 2s, request: {headers: {set: [{name: X-B, value: c}]}, query: {set: [{name: b, value: "2"}]}}}
      - {name: three, $patch: delete}
      - {name: five, url: "https://five.example.com/"}
      proxy: {template: {tolerations: [{key: b, operator: Exists}]}}
- patch: |
    {apiVersion: apps/v1, kind: Deployment, metadata: {name: shop}, spec: {template: {spec: {containers: [{name: side, env: [{name: B, value: b}]}, {name: web, env: [{name: C, value: c}]}]}}}}
- patch: |
    {apiVersion: v1, kind: Service, metadata: {name: api}, spec: {ports: [{port: 81, name: other}]}}
`)
	route := find(t, objects, "FanoutRoute")
	for path, want := range map[string]string{
		"spec/backends/one/authentication/oauth2/parameters/p/value": "1",
		"spec/backends/one/authentication/oauth2/parameters/q/value": "3",
		"spec/backends/one/url":                           "https://one.example.com/",
		"spec/backends/two/timeout":                       "2s",
		"spec/backends/two/service/name":                  "api",
		"spec/backends/two/request/headers/set/X-A/value": "a",
		"spec/backends/two/request/headers/set/X-B/value": "c",
		"spec/backends/two/request/query/set/a/value":     "1",
		"spec/backends/two/request/query/set/b/value":     "2",
		"spec/rateLimits/each/key/type":                   "ClientIP",
		"spec/backends/five/url":                          "https://five.example.com/",
	} {
		if got := at(route, path); got != want {
			t.Errorf("%s is %v, want %s", path, got, want)
		}
	}
	if got := order(at(route, "spec/backends")); got != "one two five four" {
		t.Errorf("the order of backends is %q: what docs/operations/install.md says is not true", got)
	}
	if got := order(at(route, "spec/rateLimits")); got != "each all" {
		t.Errorf("the order of limits is %q", got)
	}
	scopes, _ := json.Marshal(at(route, "spec/backends/one/authentication/oauth2/scopes"))
	tolerations, _ := json.Marshal(at(route, "spec/proxy/template/tolerations"))
	if string(scopes) != `["b"]` || string(tolerations) != `[{"key":"b","operator":"Exists"}]` {
		t.Errorf("lists without keys are replaced, but are %s and %s", scopes, tolerations)
	}
	// The file replaces kustomize's own schema: other kinds are merged as ever.
	deployment, service := find(t, objects, "Deployment"), find(t, objects, "Service")
	for path, want := range map[string]string{"web/image": "web", "web/env/A/value": "a", "web/env/C/value": "c", "side/image": "side"} {
		if got := at(deployment, "spec/template/spec/containers/"+path); got != want {
			t.Errorf("a Deployment's container has %v at %s", got, path)
		}
	}
	if ports, _ := at(service, "spec/ports").([]any); len(ports) != 2 {
		t.Errorf("a Service's ports are %v", ports)
	}
}

// Q10: every list with keys has a merge key in the file that is shipped.
func TestQ10EveryListWithKeysHasMergeKeys(t *testing.T) {
	t.Parallel()
	var file struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	raw, err := os.ReadFile("openapi.json")
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	lists := map[string]string{}
	visitAll(t, func(path string, s *schema) {
		if len(s.XListMapKeys) > 0 {
			lists[path] = s.XListMapKeys[0]
		}
	})
	if len(lists) < 7 {
		t.Fatalf("found %v", lists)
	}
	for _, path := range slices.Sorted(maps.Keys(lists)) {
		node := file.Definitions["fanout.dev.v1alpha1.FanoutRoute"]
		for name := range strings.SplitSeq(path, "/") {
			if items, ok := node["items"].(map[string]any); ok {
				node = items
			}
			properties, _ := node["properties"].(map[string]any)
			node, _ = properties[name].(map[string]any)
		}
		if node["x-kubernetes-patch-merge-key"] != lists[path] || node["x-kubernetes-patch-strategy"] != "merge" {
			t.Errorf("%s has no merge key: run `make manifests`", path)
		}
	}
}
