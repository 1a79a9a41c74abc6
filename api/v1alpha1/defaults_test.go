package v1alpha1_test

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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// definition is the CRD's schema as it is shipped.
func definition(t *testing.T) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	crd := apiextensionsv1.CustomResourceDefinition{}
	raw, err := os.ReadFile(filepath.Join(testkit.Root(), "config", "crd", "bases", "fanout.dev_fanoutroutes.yaml"))
	if err == nil {
		err = yaml.UnmarshalStrict(raw, &crd)
	}
	if err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// Q1: kubectl's client-side apply sends a list whole as soon as the server has put a
// default into one of its items, and says "configured" for ever.
func TestQ1NoDefaultsBelowListItems(t *testing.T) {
	t.Parallel()
	visited := 0
	var walk func(path string, s *apiextensionsv1.JSONSchemaProps, below bool)
	walk = func(path string, s *apiextensionsv1.JSONSchemaProps, below bool) {
		visited++
		if below && s.Default != nil {
			t.Errorf("%s has the default %s: let the compiler apply it", path, s.Default.Raw)
		}
		for name := range s.Properties {
			walk(path+"."+name, new(s.Properties[name]), below)
		}
		if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
			walk(path+"{}", s.AdditionalProperties.Schema, below)
		}
		if s.Items != nil && s.Items.Schema != nil {
			walk(path+"[]", s.Items.Schema, true)
		}
	}
	walk("", definition(t), false)
	if visited < 300 {
		t.Errorf("walked over %d schemas, want all of them", visited)
	}
}

// inputs are whole routes: those of the golden documents and the samples.
func inputs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testkit.Root(), "internal", "*", "testdata", "*.in.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d inputs (%v)", len(files), err)
	}
	samples := filepath.Join(testkit.Root(), "config", "samples")
	return append(files, filepath.Join(samples, "orders.yaml"), filepath.Join(samples, "tracing", "payments.yaml"))
}

// Q1: the same file applied twice by kubectl leaves nothing to send.
func TestQ1KubectlAppliesTheSameFileOnce(t *testing.T) {
	t.Parallel()
	c, namespace := newClient(t, client.Options{}), &unstructured.Unstructured{}
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	namespace.SetName("shop")
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	kubeconfig := writeKubeconfig(t)
	for _, file := range inputs(t) {
		var out []byte
		for range 2 {
			var err error
			kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
			out, err = exec.CommandContext(t.Context(), kubectl, "--kubeconfig", kubeconfig, "apply", "-f", file).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v: %s", file, err, out)
			}
		}
		if !strings.Contains(string(out), " unchanged\n") {
			t.Errorf("%s, applied twice: %s", filepath.Base(file), out)
		}
	}
}

func writeKubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Q1: rules that read what a default had always put there fail with "no such key", which
// refuses valid routes. Each route is sent with each of its fields left out in turn.
func TestQ1RulesBearWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	c := newClient(t, client.Options{})
	for _, file := range inputs(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(filepath.Clean(file))
			object := map[string]any{}
			if err == nil {
				err = yaml.Unmarshal(raw, &object)
			}
			if err != nil {
				t.Fatal(err)
			}
			leaveOut(t, c, object["spec"])
		})
	}
}

// leaveOut sends a spec without each of its fields in turn. It may be refused by a schema
// or a rule, but no rule may break.
func leaveOut(t *testing.T, c client.Client, spec any) {
	t.Helper()
	full, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		less := map[string]any{}
		if err := json.Unmarshal(full, &less); err != nil {
			t.Fatal(err)
		}
		left, path := i, ""
		if !without(less, "spec", &left, &path) {
			return
		}
		if _, err := send(t, c, "row", less); err != nil && strings.Contains(err.Error(), "no such key") {
			t.Errorf("without %s: %v", path, err)
		}
	}
}

// without removes the field that comes as number left, those below included.
func without(node any, at string, left *int, path *string) bool {
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			if without(item, at+"[]", left, path) {
				return true
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(node)) {
			if *left == 0 {
				delete(node, name)
				*path = at + "." + name
				return true
			}
			*left--
			if without(node[name], at+"."+name, left, path) {
				return true
			}
		}
	}
	return false
}
