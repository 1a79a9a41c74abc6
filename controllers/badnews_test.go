package controllers_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// tally is what the proxy of a route has counted of its backends.
type tally struct {
	mu     sync.Mutex
	report stats.Report
}

func newTally(t *testing.T, route *v1alpha1.FanoutRoute) *tally {
	t.Helper()
	configMap := get(t, route.Namespace, desired.Name(route), &corev1.ConfigMap{})
	c := &tally{report: stats.Report{
		Document: routeconfig.Hash([]byte(configMap.Data[desired.DocumentKey])),
		Routes:   []stats.RouteReport{{Namespace: route.Namespace, Name: route.Name}},
	}}
	for i := range route.Spec.Backends {
		c.report.Routes[0].Backends = append(c.report.Routes[0].Backends, stats.BackendReport{Name: string(route.Spec.Backends[i].Name)})
	}
	return c
}

// count adds a backend's answers.
func (c *tally) count(backend int, more stats.Answers) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &c.report.Routes[0].Backends[backend]
	w := b.Windows.Of(stats.Window5m)
	w.Seconds = 60
	w.Answers.Add(more)
	b.Windows = stats.Windowed(stats.Window5m, w)
	for reason := range more.Failed {
		b.LastFailure = &stats.Failure{Reason: reason, Status: http.StatusServiceUnavailable, Time: time.Now()}
	}
}

func (c *tally) serve(w http.ResponseWriter, _ int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = json.NewEncoder(w).Encode(c.report)
}

// Q8: the first three failures of each backend show within 10 s, though the route has
// just been rolled out, and then its first traffic shown.
func TestQ8BadNewsWithinTenSeconds(t *testing.T) {
	t.Parallel()
	route, _ := serving(t, "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		for _, name := range []v1alpha1.BackendName{"two", "three", "four"} {
			r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{Name: name, URL: "https://" + string(name) + ".example.com/"})
		}
	})
	if got := get(t, route.Namespace, route.Name, &v1alpha1.FanoutRoute{}).Status.HealthyBackends; got != "" {
		t.Errorf("before any proxy is there %q backends are healthy", got)
	}
	counted := newTally(t, route)
	feignPod(t, route, counted.serve)
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	for i := range route.Spec.Backends { // each is news of its own, and figures have no more room
		counted.count(i, stats.Answers{Succeeded: 1})
		waitFor(time.Second)
	}
	for i, name := range []string{"one", "two"} {
		counted.count(i, stats.Answers{Failed: map[stats.Reason]uint64{"status": 3}, Faulty: 3})
		testkit.Eventually(t, "the failures of backend "+name+" show", func() bool {
			b := get(t, route.Namespace, route.Name, &v1alpha1.FanoutRoute{}).Status.Backends
			return len(b) == 4 && b[i].State == v1alpha1.BackendFailing && b[i].LastFailure != nil && b[i].LastFailure.Message == "status 503"
		})
	}
	c := becomes(t, keyOf(route), "BackendsHealthy", metav1.ConditionFalse, "BackendsFailing")
	if c.Message != "one is Failing (status 503), two is Failing (status 503)" {
		t.Errorf("message is %q", c.Message)
	}
}
