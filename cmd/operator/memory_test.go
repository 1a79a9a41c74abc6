package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// L5: the operator knows its memory limit, so that a busy start makes Go collect sooner
// and is not killed, and begun again, for ever.
func TestL5ManifestHandsOnTheMemoryLimit(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(testkit.Root(), "config", "operator", "operator.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for document := range strings.SplitSeq(string(raw), "\n---\n") {
		deployment := &appsv1.Deployment{}
		if err := yaml.Unmarshal([]byte(document), deployment); err != nil {
			t.Fatal(err)
		}
		for _, c := range deployment.Spec.Template.Spec.Containers {
			for _, e := range c.Env {
				from := e.ValueFrom
				found = found || e.Name == "GOMEMLIMIT" && from != nil && from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "limits.memory"
			}
		}
	}
	if !found {
		t.Error("the operator's container has no GOMEMLIMIT from limits.memory")
	}
	chart, err := os.ReadFile(filepath.Join(testkit.Root(), "charts", "fanout", "templates", "operator.yaml"))
	if err != nil || !strings.Contains(string(chart), "name: GOMEMLIMIT") {
		t.Errorf("the chart has no GOMEMLIMIT (%v)", err)
	}
}

func TestL5ATenthIsLeft(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int64]int64{256 << 20: 241591905, 0: 0, math.MaxInt64: math.MaxInt64} {
		if got := nineTenths(limit); got != want {
			t.Errorf("of %d the runtime gets %d, want %d", limit, got, want)
		}
	}
}
