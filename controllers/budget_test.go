package controllers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// L4: all writes of a route come out of one bucket of six, of which figures leave two.
func TestL4WritesHaveOneBudget(t *testing.T) {
	t.Parallel()
	w := &writes{}
	route, other := types.NamespacedName{Name: "a"}, types.NamespacedName{Name: "b"}
	start := time.Now()
	for i, row := range []struct {
		route types.NamespacedName
		tells news
		after time.Duration
		want  time.Duration
	}{
		{route, generation, 0, 0},
		{route, figures, 0, 0},
		{route, figures, 0, 0},
		{route, figures, 0, 0},
		{route, figures, time.Second, 29 * time.Second},
		{other, figures, time.Second, 0},
		{route, condition, time.Second, 0}, // at once
		{route, condition, 2 * time.Second, 0},
		{route, condition, 3 * time.Second, 27 * time.Second},
		{route, generation, 4 * time.Second, 0}, // an edit fills the bucket
		{route, condition, 5 * time.Second, 0},
		{route, condition, 6 * time.Second, 0},
		{route, condition, 6 * time.Second, 0},
		{route, condition, 6 * time.Second, 0},
		{route, condition, 6 * time.Second, 0},
		{route, condition, 7 * time.Second, 27 * time.Second},
		{route, condition, 34 * time.Second, 0},
		{route, figures, 34 * time.Second, 90 * time.Second},
		{route, figures, 10 * time.Minute, 0},
	} {
		if got := w.wait(row.route, row.tells, start.Add(row.after)); got != row.want {
			t.Errorf("write %d, of %s after %v: wait %v, want %v", i, row.route, row.after, got, row.want)
		}
	}
	w.forget(route)
	if len(w.full) != 1 {
		t.Errorf("%d routes are remembered, want one", len(w.full))
	}
}

// L4: whatever flaps, and however fast, ten minutes have 26 writes at most: six, and two
// a minute.
func TestL4FlappingIsBounded(t *testing.T) {
	t.Parallel()
	route := types.NamespacedName{Name: "a"}
	for name, tells := range map[string][]news{
		"a condition": {condition}, "figures": {figures}, "both": {condition, figures, figures},
	} {
		w, start, written := &writes{}, time.Now(), 0
		for i := range 2 * 600 {
			if w.wait(route, tells[i%len(tells)], start.Add(time.Duration(i)*500*time.Millisecond)) == 0 {
				written++
			}
		}
		if written > 26 || written < 20 {
			t.Errorf("%s: %d writes in ten minutes, want 20 to 26", name, written)
		}
	}
}

func TestWhatAStatusTells(t *testing.T) {
	t.Parallel()
	before := &v1alpha1.FanoutRouteStatus{ObservedGeneration: 1, URL: "u"}
	for want, status := range map[news]*v1alpha1.FanoutRouteStatus{
		figures:    {ObservedGeneration: 1, URL: "u", HealthyBackends: "1/1"},
		condition:  {ObservedGeneration: 1, URL: "v"},
		generation: {ObservedGeneration: 2, URL: "v"},
	} {
		if got := toldBy(status, before); got != want {
			t.Errorf("%+v tells %d, want %d", status, got, want)
		}
	}
}
