package report_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/stats"
)

// The condition is there for routes that share a limit alone, is no part of Ready, and goes
// with the last such limit.
func TestTheStoreOfRateLimitsIsTold(t *testing.T) {
	t.Parallel()
	sharing := func(in *report.Input) {
		in.Route.Spec.RateLimits = []v1alpha1.CallRateLimit{{Name: "a", Requests: 1, Scope: v1alpha1.ScopeRoute}}
	}
	says := func(s *stats.StoreReport) func(*report.Input) {
		return func(in *report.Input) { in.Seen.Sum.Store = s }
	}
	for _, row := range []struct {
		name    string
		modify  []func(*report.Input)
		status  metav1.ConditionStatus
		reason  string
		message string
	}{
		{"no shared limit", []func(*report.Input){says(&stats.StoreReport{})}, "", "", ""},
		{"a proxy that says nothing of it", []func(*report.Input){sharing}, metav1.ConditionUnknown, v1alpha1.ReasonPending, ""},
		{"one that answers", []func(*report.Input){sharing, says(&stats.StoreReport{Answers: true})}, metav1.ConditionTrue, v1alpha1.ReasonStoreReachable, "answers"},
		{"one that does not", []func(*report.Input){sharing, says(&stats.StoreReport{Fault: "it answers with an error (OOM)"})}, metav1.ConditionFalse, v1alpha1.ReasonStoreUnreachable, "onStoreFailure says: it answers with an error (OOM)"},
		{"a limit that is gone", []func(*report.Input){func(in *report.Input) {
			in.Route.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionRateLimitStoreReachable, Status: metav1.ConditionFalse}}
		}}, "", "", ""},
	} {
		status := report.Status(input(row.modify...))
		c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRateLimitStoreReachable)
		if row.status == "" {
			if c != nil {
				t.Errorf("%s: there is a condition %+v", row.name, c)
			}
			continue
		}
		if c == nil || c.Status != row.status || c.Reason != row.reason || !strings.Contains(c.Message, row.message) {
			t.Errorf("%s: %+v", row.name, c)
		}
		if !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("%s: the route is not ready", row.name)
		}
	}
}
