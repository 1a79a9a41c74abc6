package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// editing is for how long an edit that is not served yet leaves Programmed and Ready what
// they were: proxies take it up within a second or two, and a new Secret takes new Pods.
const editing = 10 * time.Second

// editLeft returns how much of the time for an edit is left; 0 where there is none. Further
// edits do not begin anew, so that nobody stays Ready by editing for ever. What an operator
// before has seen began when the status says so.
func (m *memory) editLeft(route *v1alpha1.FanoutRoute, now time.Time) time.Duration {
	if route.Status.ObservedGeneration == route.Generation {
		return 0
	}
	if m.edited.IsZero() {
		m.edited = now
		c := meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionReconciling)
		if c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == route.Generation {
			m.edited = c.LastTransitionTime.Time
		}
	}
	return max(m.edited.Add(editing).Sub(now), 0)
}

// editEnds ends an edit: it is served or refused.
func (m *memory) editEnds() { m.edited = time.Time{} }
