package controllers_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// L5: the API server takes a list with a key that is there twice, and client-go does not read
// it back: such an edit of somebody else stops neither repair nor the serving of edits nor
// the status. What is theirs alone is left to them, what is ours is repaired.
func TestL5DoubledKeysOfSomebodyElseStopNothing(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		ours   bool // what was changed is: it is written again
		double func(*corev1.PodSpec)
	}{
		"variables": {false, func(pod *corev1.PodSpec) {
			pod.Containers[0].Env = append(pod.Containers[0].Env, corev1.EnvVar{Name: "X_TRACE", Value: "a"}, corev1.EnvVar{Name: "X_TRACE", Value: "b"})
		}},
		"pull secrets": {false, func(pod *corev1.PodSpec) {
			pod.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "a"}, {Name: "a"}}
		}},
		"one of ours": {true, func(pod *corev1.PodSpec) {
			pod.Containers[0].Env = append(pod.Containers[0].Env, pod.Containers[0].Env[0])
			pod.Containers[0].Image = "theirs"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			route, o := serving(t, "https://one.example.com/")
			o.settle(t)
			d := get(t, route.Namespace, desired.Name(route), &appsv1.Deployment{})
			row.double(&d.Spec.Template.Spec)
			if err := admin.Update(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if row.ours {
				testkit.Eventually(t, "it is answered", func() bool { return deploymentWrites(o) > 0 })
			}
			o.pass(t, keyOf(route))
			edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Replicas = new(int32(3)) })
			testkit.Eventually(t, "an edit is served, and told", func() bool {
				d, r := get(t, route.Namespace, desired.Name(route), &appsv1.Deployment{}), get(t, route.Namespace, route.Name, &v1alpha1.FanoutRoute{})
				return *d.Spec.Replicas == 3 && d.Spec.Template.Spec.Containers[0].Image == "fanout:test" && report.Told(&r.Status) == r.Generation
			})
			o.settle(t)
			o.pass(t, keyOf(route))
			if list := o.writes.take(); len(list) > 0 {
				t.Errorf("what stands is written again: %v", list)
			}
		})
	}
}

// moves changes the status of a route's Deployment all the while, as a rollout does, from
// the moment that it is there.
func moves(t *testing.T, route *v1alpha1.FanoutRoute, d time.Duration) {
	t.Helper()
	moved := 0
	for end := time.Now().Add(d); time.Now().Before(end); waitFor(10 * time.Millisecond) {
		live := &appsv1.Deployment{}
		if !exists(t, route, live) {
			continue
		}
		live.Status.ObservedGeneration, live.Status.Replicas = live.Generation, live.Status.Replicas%3+1
		if admin.Status().Update(t.Context(), live) == nil { // else somebody was faster
			moved++
		}
	}
	if moved < 20 {
		t.Errorf("the Deployment was moved %d times", moved)
	}
}

func deploymentWrites(o *operator) (n int) {
	for _, write := range o.writes.take() {
		if strings.Contains(write, "/deployments/") {
			n++
		}
	}
	return n
}

// L8: a value that the API server writes otherwise than we do stands, whatever moves the
// object's version, and nobody is said to undo it.
func TestL8ValuesWrittenOtherwiseAreUndoneByNobody(t *testing.T) {
	t.Parallel()
	route := newRoute(newNamespace(t), "orders", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("100u")} // it writes 1m
	})
	o := startOperator(t, route.Namespace)
	create(t, route)
	moves(t, route, 10*time.Second)
	if n := deploymentWrites(o); n != 1 {
		t.Errorf("%d writes of the Deployment, want the one that made it", n)
	}
	if notes := notesOf(t, route, "Undone"); notes != "" {
		t.Errorf("somebody is told of what nobody undid: %s", notes)
	}
}

// L8: what is written again because it cannot be read back is not undone by anybody, as long
// as each write finds everything as it is to be.
func TestL8UnreadableChildrenAreUndoneByNobody(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	o.settle(t)
	d := get(t, route.Namespace, desired.Name(route), &appsv1.Deployment{})
	env := &d.Spec.Template.Spec.Containers[0].Env
	*env = append(*env, (*env)[0])
	if err := admin.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	moves(t, route, 10*time.Second)
	if n := deploymentWrites(o); n < 1 || n > 8 {
		t.Errorf("%d writes of the Deployment, want a few at a growing pace", n)
	}
	if notes := notesOf(t, route, "Undone"); notes != "" {
		t.Errorf("somebody is told of what nobody undid: %s", notes)
	}
}
