package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// The whole way of a manifest: schema and defaults, document, children. Each
// NAME.in.yaml has a NAME.document.json and a NAME.children.yaml beside it, with the container of a sidecar.
func TestPipeline(t *testing.T) {
	t.Parallel()
	s, err := newSchema()
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) < 3 {
		t.Fatalf("found %d inputs (%v)", len(inputs), err)
	}
	for _, input := range inputs {
		base := strings.TrimSuffix(input, ".in.yaml")
		route := defaulted(t, s, input)
		compiled, errs := compile.Route(route, compile.Options{ListenPort: desired.CallsPort})
		if len(errs) > 0 {
			t.Errorf("%s: %v", input, errs)
			continue
		}
		encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{*compiled}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := routeconfig.Decode(encoded); err != nil {
			t.Errorf("%s: the proxy refuses the document: %v", input, err)
		}
		readable := &bytes.Buffer{}
		if err := json.Indent(readable, encoded, "", "  "); err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, base+".document.json", readable.String())
		children := desired.Build(desired.Input{
			Route: route, Compiled: compiled, Secrets: compiled.Secrets(), Document: []byte("…\n"),
			Options: desired.Options{Image: "fanout:test", Namespace: "fanout-system", Args: []string{"--deny-cidr=10.96.0.0/12"}},
		})
		out := &strings.Builder{}
		for _, child := range []any{
			children.ConfigMap, children.Service, children.Deployment,
			children.DisruptionBudget, children.Autoscaler, children.NetworkPolicy,
		} {
			text, err := yaml.Marshal(child)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != "null\n" {
				out.WriteString("---\n" + string(text))
			}
		}
		if route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
			container, volumes := desired.Sidecar(desired.Input{
				Route: route, Compiled: compiled, Secrets: compiled.Secrets(), Options: desired.Options{Image: "fanout:test"}, Grace: 30,
			})
			text, err := yaml.Marshal(map[string]any{"initContainer": container, "volumes": volumes})
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString("---\n" + string(text))
		}
		testkit.Golden(t, base+".children.yaml", out.String())
	}
}

func defaulted(t *testing.T, s *schema, input string) *v1alpha1.FanoutRoute {
	t.Helper()
	raw, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	object, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if errs := s.apply(object); len(errs) > 0 {
		t.Fatalf("%s: %v", input, errs)
	}
	route := &v1alpha1.FanoutRoute{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, route); err != nil {
		t.Fatal(err)
	}
	route.UID = "00000000-0000-0000-0000-000000000001"
	return route
}
