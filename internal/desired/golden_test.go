package desired_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/manifest"
)

// Each testdata/NAME.in.yaml is a route as a user writes it, NAME.out.yaml its objects, which
// -update rewrites, or what a Pod gets that has the proxy as a sidecar.
func TestChildrenAreGolden(t *testing.T) {
	t.Parallel()
	for name, route := range manifest.Routes(t) {
		compiled, errs := compile.Route(route, compile.Options{ListenPort: desired.CallsPort})
		if len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
			continue
		}
		in := desired.Input{
			Route: route, Compiled: compiled, Document: []byte("…\n"), Grace: 30,
			Options: desired.Options{Image: "fanout:test", Namespace: "fanout-system", Args: []string{"--deny-cidr=10.96.0.0/12"}},
		}
		c := children(in)
		objects := []any{c.ConfigMap, c.Service, c.Deployment, c.DisruptionBudget, c.Autoscaler, c.NetworkPolicy}
		if route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
			container, volumes, err := desired.Sidecar(in)
			if err != nil {
				t.Fatal(err)
			}
			objects = append(objects, &map[string]any{"initContainer": container, "volumes": volumes})
		}
		out := &strings.Builder{}
		for _, object := range objects {
			if !reflect.ValueOf(object).IsNil() {
				out.WriteString("---\n" + text(t, object))
			}
		}
		testkit.Golden(t, filepath.Join("testdata", name+".out.yaml"), out.String())
	}
}
