package report_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
)

func sidecar(in *report.Input) { in.Route.Spec.Proxy.Mode = v1alpha1.ModeSidecar }

func TestConditionsOfSidecars(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		modify func(*report.Input)
		want   map[string]string
	}{
		"every Pod has one": {sidecar, map[string]string{"SidecarsInjected": "True/SidecarsInjected", "Ready": "True/Ready"}},
		"some have none": {func(in *report.Input) { in.Missed = 1 },
			map[string]string{"SidecarsInjected": "False/SidecarsMissing", "Ready": "True/Ready"}},
		"no Pod yet": {func(in *report.Input) { in.Pods, in.Seen = nil, nil },
			map[string]string{"Programmed": "True/NoPods", "ResolvedRefs": "True/NoPods", "Ready": "True/Ready"}},
		"Pods of before a new Secret": {func(in *report.Input) {
			in.Seen.Proxies = []rates.Proxy{{Name: "p1", Reached: true, Document: "old", Refused: `secret "x" is not mounted into this pod`}}
		}, map[string]string{"Programmed": "False/Pending"}},
	} {
		conditions := report.Status(input(sidecar, row.modify)).Conditions
		for kind, want := range row.want {
			c := meta.FindStatusCondition(conditions, kind)
			if c == nil || string(c.Status)+"/"+c.Reason != want {
				t.Errorf("%s: %s is %+v, want %s", name, kind, c, want)
			}
		}
	}
}

// A sidecar that refuses the spec says why.
func TestRefusingSidecarSaysWhy(t *testing.T) {
	t.Parallel()
	in := input(sidecar)
	in.Seen.Proxies = []rates.Proxy{{Name: "p1", Reached: true, Document: "old", Refused: "open listener: port 80"}}
	c := meta.FindStatusCondition(report.Status(in).Conditions, "Programmed")
	if want := "The sidecar of Pod p1 refuses the spec: open listener: port 80; create its Pod again"; c.Message != want {
		t.Errorf("message is %q, want %q", c.Message, want)
	}
}

// The condition is of one mode, and goes with it.
func TestSidecarsInjectedGoesWithTheMode(t *testing.T) {
	t.Parallel()
	in := input(sidecar)
	in.Route.Status = report.Status(in)
	in.Route.Spec.Proxy.Mode = v1alpha1.ModeDeployment
	if c := meta.FindStatusCondition(report.Status(in).Conditions, "SidecarsInjected"); c != nil {
		t.Errorf("a Deployment has %+v", c)
	}
}
