package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
)

// editing is for how long an edit that is not served yet leaves Programmed and Ready what
// they were: proxies take it up within a second or two, and a new Secret takes new Pods.
const editing = 10 * time.Second

// hush is for how long an edit that is about to be served is not told yet: as a rule it is within this,
// and a status that says that it is under way would be a write for nothing. Until then the generation
// alone says so.
const hush = time.Second

// hushed returns for how long a status is not written that says no more than that an edit is under way.
func (m *memory) hushed(status, before *v1alpha1.FanoutRouteStatus, generation int64, now time.Time) time.Duration {
	c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionProgrammed)
	if m.edited.IsZero() || report.Told(before) == generation || c == nil || c.Status != metav1.ConditionTrue || c.ObservedGeneration == generation {
		return 0
	}
	return max(m.edited.Add(hush).Sub(now), 0)
}

// lag is how long to wait for the cache to see what was just written.
const lag = 20 * time.Millisecond

// isBehind reports whether a route was read before the last write of its status: what it says would be written
// again.
func (m *memory) isBehind(route *v1alpha1.FanoutRoute) bool {
	order, err := resourceversion.CompareResourceVersion(route.ResourceVersion, m.told)
	return err == nil && order < 0
}

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
