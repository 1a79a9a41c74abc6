package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// editing is for how long an edit that is not served yet leaves Programmed and Ready what
// they were: proxies take it up within a second or two, and a new Secret takes new Pods.
const editing = 10 * time.Second

// edits remembers since when the spec of a route is newer than what is served. Further
// edits do not begin anew, so that nobody stays Ready by editing for ever. It holds an
// entry a route at most, and is safe for concurrent use.
type edits struct {
	mu    sync.Mutex
	since map[types.NamespacedName]time.Time
}

// left returns how much of the time for an edit is left; 0 where there is none. What an
// operator before has seen began when the status says so.
func (e *edits) left(key types.NamespacedName, route *v1alpha1.FanoutRoute, now time.Time) time.Duration {
	if route.Status.ObservedGeneration == route.Generation {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	since, ok := e.since[key]
	if !ok {
		since = now
		c := meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionReconciling)
		if c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == route.Generation {
			since = c.LastTransitionTime.Time
		}
		if e.since == nil {
			e.since = map[types.NamespacedName]time.Time{}
		}
		e.since[key] = since
	}
	return max(since.Add(editing).Sub(now), 0)
}

// forget ends an edit: it is served or refused, or the route is gone.
func (e *edits) forget(key types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.since, key)
}
