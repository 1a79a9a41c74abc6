package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/desired"
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

// L8: an operator is known by its Lease, whichever Pod of it leads; without one it has no
// name by which others could tell that it is gone.
func TestL8Identity(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]settings{
		"fanout-system/fanout-operator": {leaderElect: true, proxies: desired.Options{Namespace: "fanout-system"}},
		"other/fanout-operator":         {leaderElect: true, leaderNamespace: "other", proxies: desired.Options{Namespace: "fanout-system"}},
		"":                              {proxies: desired.Options{Namespace: "fanout-system"}},
	} {
		if got := s.identity(); got != want {
			t.Errorf("the identity is %q, want %q", got, want)
		}
	}
}

// Q2, Q3: what the platform says of all proxies comes by flags, which refuse what no Pod
// could have.
func TestQ2Q3FlagsOfAllProxies(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"--omit-user", "--proxy-image-pull-secret=registry", "--proxy-image-pull-secret", "mirror.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if !s.proxies.OmitUser || !slices.Equal(s.proxies.ImagePullSecrets, []string{"registry", "mirror.example.com"}) {
		t.Errorf("the flags gave %+v", s.proxies)
	}
	for _, name := range []string{"", "Registry", "a_b", "a/b", "a,b"} {
		if _, err := parse([]string{"--proxy-image-pull-secret=" + name}); err == nil || !strings.Contains(err.Error(), "proxy-image-pull-secret") {
			t.Errorf("the Secret %q: error %v, want the flag named", name, err)
		}
	}
}
