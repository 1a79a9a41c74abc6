// Package manifest reads routes for golden files as users write them.
package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/schema"
)

// Routes reads the package's testdata/NAME.in.yaml, with the defaults that the API server
// fills in, by NAME. Their output belongs into testdata/NAME.out.yaml.
func Routes(t *testing.T) map[string]*v1alpha1.FanoutRoute {
	t.Helper()
	s, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.in.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("found %d inputs (%v)", len(files), err)
	}
	routes := map[string]*v1alpha1.FanoutRoute{}
	for _, file := range files {
		routes[strings.TrimSuffix(filepath.Base(file), ".in.yaml")] = read(t, s, file)
	}
	return routes
}

func read(t *testing.T, s *schema.Schema, file string) *v1alpha1.FanoutRoute {
	t.Helper()
	raw, err := os.ReadFile(filepath.Clean(file))
	if err == nil {
		raw, err = yaml.YAMLToJSONStrict(raw)
	}
	object := map[string]any{}
	if err == nil {
		err = utiljson.Unmarshal(raw, &object) // whole numbers are integers, as for the API server
	}
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	if errs := s.Apply(object); len(errs) > 0 {
		t.Fatalf("%s: %v", file, errs)
	}
	route := &v1alpha1.FanoutRoute{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, route); err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	route.UID = "00000000-0000-0000-0000-000000000001"
	return route
}
