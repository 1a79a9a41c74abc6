package compile_test

import (
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/manifest"
)

// Each testdata/NAME.in.yaml is a route as a user writes it, NAME.out.yaml the document that
// a proxy gets of it, which -update rewrites. A proxy reads each of them.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for name, route := range manifest.Routes(t) {
		compiled, errs := compile.Route(route, compile.Options{ListenPort: 8080})
		if len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
			continue
		}
		encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{*compiled}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := routeconfig.Decode(encoded); err != nil {
			t.Errorf("%s: the proxy refuses the document: %v", name, err)
		}
		readable, err := yaml.JSONToYAML(encoded)
		if err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, filepath.Join("testdata", name+".out.yaml"), string(readable))
	}
}
