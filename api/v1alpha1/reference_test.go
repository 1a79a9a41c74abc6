package v1alpha1_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// The reference names every field that a route may have, and every value of those that
// have a list of them. What is Kubernetes' own below a field stands in its reference.
func TestTheReferenceNamesEveryField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "spec", "v1alpha1", "fanoutroute.md"))
	if err != nil {
		t.Fatal(err)
	}
	named, visited := map[string]bool{}, 0
	for _, word := range regexp.MustCompile("[A-Za-z0-9]+").FindAllString(string(page), -1) {
		named[word] = true
	}
	kubernetes := []string{"affinity", "tolerations", "topologySpreadConstraints", "resources", "from", "metricsFrom", "conditions"}
	var walk func(path string, s *apiextensionsv1.JSONSchemaProps)
	walk = func(path string, s *apiextensionsv1.JSONSchemaProps) {
		visited++
		name := strings.TrimSuffix(path[strings.LastIndex(path, ".")+1:], "[]")
		if !named[name] {
			t.Errorf("%s is not in the reference", path)
		}
		for _, value := range s.Enum {
			if text := strings.Trim(string(value.Raw), `"`); text != "" && !named[text] {
				t.Errorf("the value %s of %s is not in the reference", text, path)
			}
		}
		if slices.Contains(kubernetes, name) {
			return
		}
		for child := range s.Properties {
			walk(path+"."+child, new(s.Properties[child]))
		}
		if s.Items != nil && s.Items.Schema != nil {
			walk(path+"[]", s.Items.Schema)
		}
	}
	root := definition(t)
	walk("spec", new(root.Properties["spec"]))
	walk("status", new(root.Properties["status"]))
	if visited < 200 {
		t.Errorf("walked over %d fields, want all of them", visited)
	}
}
