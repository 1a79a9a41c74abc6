package e2e

import (
	"slices"
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// url is a route's, from within the cluster.
func (s *scene) url(route string) string {
	return "http://" + route + "-fanout." + s.namespace + ".svc:8080/"
}

func TestApplyToReady(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.agents("one", "two")
	s.route("orders", []string{"one", "two"})
	figure(t, "apply → Ready, two proxies", "%.1f s", s.ready("orders").Seconds())
}

// A change of the spec reaches every proxy without a restart.
func TestSpecChangeReachesEveryProxy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.agents("one")
	s.route("orders", []string{"one"})
	s.ready("orders")
	before := names(s.pods("orders"))
	var took []time.Duration
	for i := range 10 {
		edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) {
			r.Spec.Dispatch.Timeout = v1alpha1.Duration(strconv.Itoa(3+i%2) + "s")
		})
		changed := time.Now()
		generation := get(s, "orders", &v1alpha1.FanoutRoute{}).Generation
		eventually(t, "the spec is served", func() bool {
			c := s.condition("orders", "Programmed")
			return c.ObservedGeneration == generation && c.Status == metav1.ConditionTrue
		})
		took = append(took, time.Since(changed))
	}
	slices.Sort(took)
	figure(t, "spec change → every proxy serves it, as the status says", "median %d ms, max %d ms of %d", took[5].Milliseconds(), took[9].Milliseconds(), len(took))
	if took[5] > 10*time.Second { // a minute is the kubelet's own pace
		t.Errorf("the median is %v: the Pods were not told", took[5])
	}
	if after := names(s.pods("orders")); !slices.Equal(before, after) {
		t.Errorf("Pods were replaced: %v became %v", before, after)
	}
}

func names(pods []corev1.Pod) (list []string) {
	for i := range pods {
		list = append(list, pods[i].Name)
	}
	slices.Sort(list)
	return list
}

// Case D11 of the field.
func TestD11RollingRestartsLoseNoCall(t *testing.T) { rollingRestarts(t, 5) }

func rollingRestarts(t *testing.T, n int) {
	t.Helper()
	s := newScene(t)
	agents := s.agents("one", "two", "load")
	s.route("orders", []string{"one", "two"})
	s.ready("orders")
	agents[2].load(s.url("orders"), 100, 10, false)
	for i := range n {
		edit(s, "orders-fanout", &appsv1.Deployment{}, func(d *appsv1.Deployment) {
			if d.Spec.Template.Annotations == nil {
				d.Spec.Template.Annotations = map[string]string{}
			}
			d.Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"] = strconv.Itoa(i)
		})
		s.rolledOut("orders-fanout")
	}
	total := agents[2].end()
	s.allGood(total)
	figure(t, strconv.Itoa(n)+" rolling restarts at 100 calls a second", "%d calls, %d not 200", total.Sent, total.Sent-total.good())
	if got := get(s, "orders-fanout", &appsv1.Deployment{}).Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"]; got != strconv.Itoa(n-1) {
		t.Errorf("the last restart was reverted: annotation %q", got)
	}
}

// rolledOut waits for a Deployment's newest Pods, and for the end of the others.
func (s *scene) rolledOut(name string) {
	s.t.Helper()
	eventually(s.t, name+" is rolled out", func() bool {
		d := get(s, name, &appsv1.Deployment{})
		return d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas == *d.Spec.Replicas &&
			d.Status.Replicas == *d.Spec.Replicas && d.Status.AvailableReplicas == *d.Spec.Replicas
	})
}

// Case D11 of the field.
func TestD11ScalingEvictingAndDrainingLoseNoCall(t *testing.T) {
	s := newScene(t)
	agents := s.agents("one", "load")
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Replicas = new(int32(3)) })
	s.ready("orders")
	agents[1].load(s.url("orders"), 100, 10, false)
	for _, n := range []int32{1, 3} {
		scaled := get(s, "orders", &v1alpha1.FanoutRoute{})
		patch := []byte(`{"spec":{"replicas":` + strconv.Itoa(int(n)) + `}}`)
		if err := kube.SubResource("scale").Patch(t.Context(), scaled, client.RawPatch("application/merge-patch+json", patch)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "there are as many proxies", func() bool {
			d := get(s, "orders-fanout", &appsv1.Deployment{})
			return *d.Spec.Replicas == n && d.Status.Replicas == n && d.Status.AvailableReplicas == n
		})
		agents[1].sent(100)
	}
	refused := s.drain("orders")
	if refused == 0 {
		t.Error("the budget held up no eviction")
	}
	s.rolledOut("orders-fanout")
	agents[1].sent(100)
	total := agents[1].end()
	s.allGood(total)
	figure(t, "scaled 3 → 1 → 3, then all evicted as a drain does, at 100 calls a second", "%d calls, %d not 200, %d evictions held up by the budget",
		total.Sent, total.Sent-total.good(), refused)
}

// drain evicts all Pods of a route as `kubectl drain` does, again and again where the
// budget holds one up. (On a node that is the only one, a drain itself would leave
// nothing to serve.) It returns how often it was held up.
func (s *scene) drain(route string) (refused int) {
	s.t.Helper()
	left := names(s.pods(route))
	eventually(s.t, "all are evicted", func() bool {
		left = slices.DeleteFunc(left, func(pod string) bool {
			err := core.CoreV1().Pods(s.namespace).EvictV1(s.t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod}})
			if apierrors.IsTooManyRequests(err) {
				refused++
				return false
			}
			if err != nil && !apierrors.IsNotFound(err) {
				s.t.Fatal(err)
			}
			return true
		})
		return len(left) == 0
	})
	return refused
}
