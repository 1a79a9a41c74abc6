package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// Q4: a namespace with a used-up quota says so in the route within 10 s, and heals.
func TestQ4UsedUpQuota(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.create(&corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}}})
	eventually(t, "the quota is in force", func() bool { return len(get(s, "none", &corev1.ResourceQuota{}).Status.Hard) > 0 })
	began := time.Now()
	s.route("orders", []string{"one"})
	eventually(t, "the route says why it has no Pods", func() bool {
		c := s.condition("orders", "Programmed")
		return c != nil && c.Status == metav1.ConditionFalse && c.Reason == "ReplicaFailure" && strings.Contains(c.Message, "exceeded quota: none")
	})
	took := time.Since(began)
	figure(t, "used-up quota → the route says so", "%.1f s", took.Seconds())
	if took > 10*time.Second {
		t.Errorf("it took %v, want 10 s at most", took)
	}
	edit(s, "none", &corev1.ResourceQuota{}, func(q *corev1.ResourceQuota) { q.Spec.Hard[corev1.ResourcePods] = resource.MustParse("20") })
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) { // the ReplicaSet's own pause grows up to 1,000 s
		r.Spec.Proxy.Template = &v1alpha1.PodTemplate{Annotations: map[string]string{"try": "again"}}
	})
	s.settled("orders")
}

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
