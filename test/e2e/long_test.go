package e2e

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// Case D11 of the field.
func TestD11LongRollingRestartsLoseNoCall(t *testing.T) { rollingRestarts(t, 20) }

func TestLongCallsGoOnWithoutAPIServer(t *testing.T) {
	onlyOurs(t)
	withoutAPIServer(t, 2*time.Minute)
}

// statusWrites are the operator's since a time, in the scene.
func (s *scene) statusWrites(since time.Time) int {
	s.t.Helper()
	return len(audited(s.t, func(e auditEvent) bool {
		return e.ObjectRef.Namespace == s.namespace && e.resource() == "fanoutroutes/status" && e.write() && e.StageTimestamp.After(since)
	}))
}

// small is a proxy of which a node holds a hundred.
func small(r *v1alpha1.FanoutRoute) {
	r.Spec.Proxy.Replicas = new(int32(1))
	r.Spec.Proxy.Resources = corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1m"), corev1.ResourceMemory: resource.MustParse("8Mi"),
	}}
}

// Case D1 of the field: a hundred routes, one of them under steady load, write no
// status once their figures stand.
func TestD1LongSteadyLoadWritesNoStatus(t *testing.T) {
	onlyOurs(t)
	s := newScene(t)
	agents := s.agents("one", "load")
	for i := range 100 {
		s.route(fmt.Sprintf("route-%d", i), []string{"one"}, small)
	}
	for i := range 100 {
		s.ready(fmt.Sprintf("route-%d", i))
	}
	agents[1].load(s.url("route-0"), 20, 2, true)
	time.Sleep(7 * time.Minute) // the window of five minutes is full of it
	since := time.Now()
	time.Sleep(10 * time.Minute)
	writes := s.statusWrites(since)
	s.allGood(agents[1].end())
	figure(t, "100 routes for 10 min, one of them at 20 calls a second", "%d status writes", writes)
	if writes != 0 {
		t.Errorf("%d status writes in 10 minutes of steady load, want none", writes)
	}
}

func TestLongFlappingBackendWritesAtMostTwiceAMinute(t *testing.T) {
	onlyOurs(t)
	s := newScene(t)
	agents := s.agents("one", "load")
	s.route("orders", []string{"one"}, small)
	s.ready("orders")
	agents[1].control("POST", "load", map[string]any{"url": s.url("orders"), "perSecond": 50, "workers": 5, "keepAlive": true}, nil)
	time.Sleep(time.Minute)
	const minutes = 4
	since := time.Now()
	for i := 0; time.Since(since) < minutes*time.Minute; i++ {
		agents[0].behave(map[string]any{"status": []int{200, 500}[i%2]})
		time.Sleep(20 * time.Second)
	}
	writes := s.statusWrites(since)
	figure(t, "a backend that fails every other 20 s", "%.1f status writes a minute", float64(writes)/minutes)
	if writes > 6+2*minutes {
		t.Errorf("%d status writes in %d minutes, want at most six and two a minute", writes, minutes)
	}
	agents[1].end()
}
