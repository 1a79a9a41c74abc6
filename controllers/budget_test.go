package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// L4, Q8: all writes of a route come out of one bucket of six, of which figures leave three
// and conditions that get better one.
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
		{route, worse, 3 * time.Second, 0},
		{route, worse, 3 * time.Second, 27 * time.Second},
		{route, generation, 4 * time.Second, 0}, // an edit fills the bucket
		{route, condition, 5 * time.Second, 0},
		{route, condition, 6 * time.Second, 0},
		{route, condition, 6 * time.Second, 0},
		{route, condition, 6 * time.Second, 0},
		{route, condition, 6 * time.Second, 0},
		{route, condition, 7 * time.Second, 28 * time.Second},
		{route, condition, 35 * time.Second, 0},
		{route, figures, 35 * time.Second, 90 * time.Second},
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
		"a condition": {condition}, "figures": {figures}, "both": {condition, figures, figures}, "for the worse": {worse, condition},
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

// Q8: whatever a rollout and figures have written, and however fast, the first bad news
// after them is written at once.
func TestQ8BadNewsHasItsShare(t *testing.T) {
	t.Parallel()
	route := types.NamespacedName{Name: "a"}
	for name, tells := range map[string][]news{
		"conditions": {condition}, "figures": {figures}, "a rollout": {figures, condition}, "claims": {condition, figures, condition},
	} {
		w, start := &writes{}, time.Now()
		w.wait(route, generation, start)
		for i := range 40 {
			w.wait(route, tells[i%len(tells)], start.Add(time.Duration(i)*500*time.Millisecond))
		}
		if wait := w.wait(route, worse, start.Add(20*time.Second)); wait > 0 {
			t.Errorf("after %s bad news wait for %v", name, wait)
		}
	}
}

func TestWhatAStatusTells(t *testing.T) {
	t.Parallel()
	said := func(kind string, status metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{{Type: kind, Status: status}}
	}
	of := func(state v1alpha1.BackendState, reason string) []v1alpha1.BackendStatus {
		b := v1alpha1.BackendStatus{Name: "one", State: state}
		if reason != "" {
			b.LastFailure = &v1alpha1.LastFailure{Reason: reason}
		}
		return []v1alpha1.BackendStatus{b}
	}
	const ready, stalled, reconciling = v1alpha1.ConditionReady, v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling
	for name, row := range map[string]struct {
		before, now v1alpha1.FanoutRouteStatus
		want        news
	}{
		"figures":              {v1alpha1.FanoutRouteStatus{}, v1alpha1.FanoutRouteStatus{HealthyBackends: "1/1"}, figures},
		"another address":      {v1alpha1.FanoutRouteStatus{}, v1alpha1.FanoutRouteStatus{URL: "v"}, condition},
		"an edit":              {v1alpha1.FanoutRouteStatus{ObservedGeneration: 1}, v1alpha1.FanoutRouteStatus{ObservedGeneration: 2, URL: "v"}, generation},
		"ready":                {v1alpha1.FanoutRouteStatus{Conditions: said(ready, "False")}, v1alpha1.FanoutRouteStatus{Conditions: said(ready, "True")}, condition},
		"nobody knows":         {v1alpha1.FanoutRouteStatus{Conditions: said(ready, "True")}, v1alpha1.FanoutRouteStatus{Conditions: said(ready, "Unknown")}, condition},
		"not ready":            {v1alpha1.FanoutRouteStatus{Conditions: said(ready, "Unknown")}, v1alpha1.FanoutRouteStatus{Conditions: said(ready, "False")}, worse},
		"stalled":              {v1alpha1.FanoutRouteStatus{Conditions: said(stalled, "False")}, v1alpha1.FanoutRouteStatus{Conditions: said(stalled, "True")}, worse},
		"not stalled":          {v1alpha1.FanoutRouteStatus{Conditions: said(stalled, "True")}, v1alpha1.FanoutRouteStatus{Conditions: said(stalled, "False")}, condition},
		"at work":              {v1alpha1.FanoutRouteStatus{Conditions: said(reconciling, "False")}, v1alpha1.FanoutRouteStatus{Conditions: said(reconciling, "True")}, condition},
		"done":                 {v1alpha1.FanoutRouteStatus{Conditions: said(reconciling, "True")}, v1alpha1.FanoutRouteStatus{Conditions: said(reconciling, "False")}, condition},
		"the first traffic":    {v1alpha1.FanoutRouteStatus{Backends: of("Idle", "")}, v1alpha1.FanoutRouteStatus{Backends: of("Healthy", "")}, figures},
		"the first failure":    {v1alpha1.FanoutRouteStatus{Backends: of("Healthy", "")}, v1alpha1.FanoutRouteStatus{Backends: of("Healthy", "status")}, worse},
		"the next failure":     {v1alpha1.FanoutRouteStatus{Backends: of("Failing", "status")}, v1alpha1.FanoutRouteStatus{Backends: of("Failing", "timeout")}, figures},
		"a backend that fails": {v1alpha1.FanoutRouteStatus{Backends: of("Degraded", "status")}, v1alpha1.FanoutRouteStatus{Backends: of("Failing", "status")}, worse},
		"one that recovers":    {v1alpha1.FanoutRouteStatus{Backends: of("Failing", "status")}, v1alpha1.FanoutRouteStatus{Backends: of("Degraded", "status")}, figures},
		"one that is new":      {v1alpha1.FanoutRouteStatus{}, v1alpha1.FanoutRouteStatus{Backends: of("Open", "")}, worse},
	} {
		if got := toldBy(&row.now, &row.before); got != row.want {
			t.Errorf("%s tells %d, want %d", name, got, row.want)
		}
	}
}
