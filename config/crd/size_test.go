package crd_test

import (
	"encoding/json"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/config/crd"
)

// H29: client-side apply keeps the whole object in an annotation, of which Kubernetes takes
// 262,144 bytes. Some are left for what others annotate, and for fields to come.
func TestH29CRDFitsIntoItsOwnAnnotation(t *testing.T) {
	t.Parallel()
	object := map[string]any{}
	if err := yaml.Unmarshal(crd.FanoutRoutes(), &object); err != nil {
		t.Fatal(err)
	}
	compact, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(compact); n < 10_000 || n > 200_000 {
		t.Errorf("the CRD is %d bytes of JSON, want at most 200,000", n)
	}
}
