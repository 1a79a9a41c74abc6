package controllers_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// feignPod makes a ready Pod of a route whose proxy is a handler. Polls are numbered
// from 1.
func feignPod(t *testing.T, route *v1alpha1.FanoutRoute, handle func(w http.ResponseWriter, poll int32)) *atomic.Int32 {
	t.Helper()
	polls := &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { handle(w, polls.Add(1)) }))
	t.Cleanup(s.Close)
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: "feigned", Labels: desired.Labels(route)},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "proxy", Image: "fanout:test", Ports: []corev1.ContainerPort{
			{Name: desired.AdminPortName, ContainerPort: int32(number)}}}}},
	}
	create(t, pod)
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: host, PodIPs: []corev1.PodIP{{IP: host}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	if err := admin.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return polls
}

// L4: a proxy that answers every other poll moves no condition; one that says something
// else each time is shown as often as the budget of its route allows.
func TestL4FlappingProxiesAreWrittenWithinTheBudget(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		flap func(w http.ResponseWriter, report string)
		most int
	}{
		"answers every other poll": {func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusServiceUnavailable) }, 0},
		"serves another document every other poll": {func(w http.ResponseWriter, report string) {
			_, _ = w.Write([]byte(strings.Replace(report, `"document":"`, `"document":"x`, 1)))
		}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var flapping atomic.Bool
			route, o := serving(t, "https://one.example.com/")
			configMap := get(t, route.Namespace, desired.Name(route), &corev1.ConfigMap{})
			report := fmt.Sprintf(`{"document":"%s","routes":[{"namespace":"%s","name":"orders"}]}`,
				routeconfig.Hash([]byte(configMap.Data[desired.DocumentKey])), route.Namespace)
			polls := feignPod(t, route, func(w http.ResponseWriter, poll int32) {
				if flapping.Load() && poll%2 == 0 {
					row.flap(w, report)
					return
				}
				_, _ = w.Write([]byte(report))
			})
			becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
			o.settle(t)
			flapping.Store(true)
			begun := polls.Load()
			for end := time.Now().Add(30 * time.Second); polls.Load() < begun+24 && time.Now().Before(end); {
				waitFor(50 * time.Millisecond)
			}
			written := 0
			for _, w := range o.writes.take() {
				if strings.HasSuffix(w, "/status") {
					written++
				}
			}
			if polled := polls.Load() - begun; polled < 24 || written > row.most {
				t.Errorf("%d polls led to %d writes of the status, want at most %d", polled, written, row.most)
			}
		})
	}
}
