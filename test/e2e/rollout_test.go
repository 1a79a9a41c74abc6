package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// R2: an edit whose Pods find no node is in progress for kstatus, though older proxies serve
// it, and says why.
func TestR2UnsatisfiableNodeSelector(t *testing.T) {
	s := newScene(t)
	s.agents("one")
	s.route("orders", []string{"one"})
	s.settled("orders")
	moments := s.watchRoute()
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Template = &v1alpha1.PodTemplate{NodeSelector: map[string]string{"fanout.dev/none": "such"}}
	})
	eventually(t, "the route says that a Pod finds no node", func() bool {
		return strings.Contains(s.condition("orders", "Programmed").Message, "Unschedulable: ")
	})
	s.ready("orders")
	time.Sleep(3 * time.Second)
	for _, m := range moments() {
		if got := m.kstatus(t); m.route.Generation == 2 && got != status.InProgressStatus {
			t.Errorf("the route is %s though its rollout cannot end: %v", got, m.route.Status.Conditions)
		}
	}
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Template = nil })
	s.settled("orders")
}
