package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// What is rendered is what the operator would apply: the document first, and then what goes
// with the mode.
func TestRenderPrintsTheChildren(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ content, kinds string }{
		"a Deployment": {good, "ConfigMap Deployment Service PodDisruptionBudget"},
		"a sidecar":    {good + "  proxy: {mode: Sidecar}\n", "ConfigMap"},
		"autoscaling":  {good + "  proxy: {autoscaling: {minReplicas: 2, maxReplicas: 3}}\n", "ConfigMap Deployment Service PodDisruptionBudget HorizontalPodAutoscaler"},
	} {
		out, errOut, err := command(t, row.content, "render", "-f", "-", "--image", "example/proxy:1")
		if err != nil {
			t.Fatalf("%s: %v %s", name, err, errOut)
		}
		var kinds []string
		for i, text := range strings.Split(strings.TrimPrefix(out, "---\n"), "---\n") {
			object := struct {
				Kind string            `json:"kind"`
				Data map[string]string `json:"data"`
			}{}
			if err := yaml.Unmarshal([]byte(text), &object); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			kinds = append(kinds, object.Kind)
			if document, err := routeconfig.Decode([]byte(object.Data["document.json"])); i == 0 && (err != nil || document.Routes[0].Name != "orders") {
				t.Errorf("%s: the document: %v", name, err)
			}
			if object.Kind == "Deployment" && !strings.Contains(text, "image: example/proxy:1") {
				t.Errorf("%s: the Deployment has another image:\n%s", name, text)
			}
		}
		if name == "a Deployment" {
			testkit.Golden(t, filepath.Join("testdata", "render.yaml"), out)
		}
		if got := strings.Join(kinds, " "); got != row.kinds {
			t.Errorf("%s: %s, want %s", name, got, row.kinds)
		}
	}
	if out, errOut, err := command(t, "{}", "render", "-f", "-"); !errors.Is(err, ErrReported) || out != "" || errOut == "" {
		t.Errorf("no route: %v %q %q", err, out, errOut)
	}
}
