package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
)

// logTransitions logs a line for each condition that says something else now than it did
// before, or says for the first time that something is not as it should be. What is logged
// was written to the status, and so is bounded by its budget.
func logTransitions(ctx context.Context, s *scope, now []metav1.Condition) {
	log := logf.FromContext(ctx)
	for i := range now {
		c, from := &now[i], metav1.ConditionStatus("")
		before := meta.FindStatusCondition(s.route.Status.Conditions, c.Type)
		if before == nil && atRest(c) || before != nil && before.Status == c.Status && before.Reason == c.Reason {
			continue
		}
		if before != nil {
			from = before.Status
		}
		log.Info("condition changed", "route", s.key, "generation", c.ObservedGeneration,
			"condition", c.Type, "from", from, "to", c.Status, "reason", c.Reason, "message", report.Cut(c.Message, report.MaxNote))
	}
}

// atRest reports whether a condition says what it says of a route where all is well.
func atRest(c *metav1.Condition) bool {
	if c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled {
		return c.Status == metav1.ConditionFalse
	}
	return c.Status == metav1.ConditionTrue
}
