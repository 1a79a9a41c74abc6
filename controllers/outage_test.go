package controllers_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// A backend that is dead is Failing while the rates of five minutes are good still, and healthy
// again while they are not: a state does not wait for them.
func TestAnOutageShowsBeforeTheRatesOfFiveMinutes(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	b := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		if dead.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	route, _ := serving(t, b.URL)
	pod := startPod(t, route)
	pod.sync()
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	ask := func() v1alpha1.BackendStatus {
		pod.call()
		list := get(t, route.Namespace, route.Name, &v1alpha1.FanoutRoute{}).Status.Backends
		if len(list) == 0 {
			return v1alpha1.BackendStatus{}
		}
		return list[0]
	}
	for range 3000 {
		pod.call()
	}
	inAMinute(t, "the backend is Healthy", func() bool { return ask().State == v1alpha1.BackendHealthy })
	dead.Store(true)
	begun, rate := time.Now(), ""
	inAMinute(t, "it is Failing", func() bool {
		now := ask()
		rate = now.SuccessRate
		return now.State == v1alpha1.BackendFailing && now.LastFailure.Message == "status 503"
	})
	t.Logf("Failing after %v, at %s of five minutes", time.Since(begun), rate)
	becomes(t, keyOf(route), "BackendsHealthy", metav1.ConditionFalse, "BackendsFailing")
	var percent float64
	if _, err := fmt.Sscanf(rate, "%f%%", &percent); err != nil || percent <= 50 {
		t.Errorf("it is Failing at a rate of %s", rate)
	}
	dead.Store(false)
	begun = time.Now()
	inAMinute(t, "it is Healthy again", func() bool {
		now := ask()
		rate = now.SuccessRate
		return now.State == v1alpha1.BackendHealthy
	})
	t.Logf("Healthy after %v, at %s of five minutes", time.Since(begun), rate)
	if rate == "100%" {
		t.Error("the rate forgot what the state did")
	}
}

// inAMinute waits until a condition holds, as long as a busy machine may need.
func inAMinute(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); waitFor(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
