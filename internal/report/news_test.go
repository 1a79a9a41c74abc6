package report_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/writes"
)

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
		want        writes.News
	}{
		"figures":              {v1alpha1.FanoutRouteStatus{}, v1alpha1.FanoutRouteStatus{HealthyBackends: "1/1"}, writes.Figures},
		"another address":      {v1alpha1.FanoutRouteStatus{}, v1alpha1.FanoutRouteStatus{URL: "v"}, writes.Condition},
		"an edit":              {v1alpha1.FanoutRouteStatus{ObservedGeneration: 1}, v1alpha1.FanoutRouteStatus{ObservedGeneration: 2, URL: "v"}, writes.Generation},
		"ready":                {v1alpha1.FanoutRouteStatus{Conditions: said(ready, "False")}, v1alpha1.FanoutRouteStatus{Conditions: said(ready, "True")}, writes.Condition},
		"nobody knows":         {v1alpha1.FanoutRouteStatus{Conditions: said(ready, "True")}, v1alpha1.FanoutRouteStatus{Conditions: said(ready, "Unknown")}, writes.Condition},
		"not ready":            {v1alpha1.FanoutRouteStatus{Conditions: said(ready, "Unknown")}, v1alpha1.FanoutRouteStatus{Conditions: said(ready, "False")}, writes.Worse},
		"stalled":              {v1alpha1.FanoutRouteStatus{Conditions: said(stalled, "False")}, v1alpha1.FanoutRouteStatus{Conditions: said(stalled, "True")}, writes.Worse},
		"not stalled":          {v1alpha1.FanoutRouteStatus{Conditions: said(stalled, "True")}, v1alpha1.FanoutRouteStatus{Conditions: said(stalled, "False")}, writes.Condition},
		"at work":              {v1alpha1.FanoutRouteStatus{Conditions: said(reconciling, "False")}, v1alpha1.FanoutRouteStatus{Conditions: said(reconciling, "True")}, writes.Condition},
		"done":                 {v1alpha1.FanoutRouteStatus{Conditions: said(reconciling, "True")}, v1alpha1.FanoutRouteStatus{Conditions: said(reconciling, "False")}, writes.Condition},
		"the first traffic":    {v1alpha1.FanoutRouteStatus{Backends: of("Idle", "")}, v1alpha1.FanoutRouteStatus{Backends: of("Healthy", "")}, writes.Figures},
		"the first failure":    {v1alpha1.FanoutRouteStatus{Backends: of("Healthy", "")}, v1alpha1.FanoutRouteStatus{Backends: of("Healthy", "status")}, writes.Worse},
		"the next failure":     {v1alpha1.FanoutRouteStatus{Backends: of("Failing", "status")}, v1alpha1.FanoutRouteStatus{Backends: of("Failing", "timeout")}, writes.Figures},
		"a backend that fails": {v1alpha1.FanoutRouteStatus{Backends: of("Degraded", "status")}, v1alpha1.FanoutRouteStatus{Backends: of("Failing", "status")}, writes.Worse},
		"one that recovers":    {v1alpha1.FanoutRouteStatus{Backends: of("Failing", "status")}, v1alpha1.FanoutRouteStatus{Backends: of("Degraded", "status")}, writes.Condition},
		"one that is well":     {v1alpha1.FanoutRouteStatus{Backends: of("Degraded", "status")}, v1alpha1.FanoutRouteStatus{Backends: of("Healthy", "status")}, writes.Condition},
		"one that is new":      {v1alpha1.FanoutRouteStatus{}, v1alpha1.FanoutRouteStatus{Backends: of("Open", "")}, writes.Worse},
	} {
		if got := report.News(&row.now, &row.before); got != row.want {
			t.Errorf("%s tells %d, want %d", name, got, row.want)
		}
	}
}
