package controllers

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/writes"
)

// memory is what is kept of one route from pass to pass. It belongs to the pass under way,
// and needs no other lock than that of memories.enter.
type memory struct {
	passing sync.Mutex

	// applied is what children were to be, by kind.
	applied appliedIntents
	// pods are those that were seen last.
	pods  map[types.UID]*podMemory
	order order
	// absent are the Services that backends name and that did not exist.
	absent []string
	// edited is since when the spec is newer than what is served; zero where it is not.
	edited time.Time
	// refused is when it was told last that calls are; zero for never.
	refused time.Time
	// asked is the generation of which it was asked whether its Services exist.
	asked int64
	// told is the version that the last write of the status left.
	told string
	// budget is that of the status.
	budget    writes.Bucket
	neglected neglected
	// keptOff is set where the route is another operator's and that was told. The metric
	// reads it beside the passes.
	keptOff atomic.Bool
	// conditions are those of the last pass, whether or not they have been written. Metrics read
	// them beside the passes.
	conditions atomic.Pointer[[]stood]
}

// stood is how a condition was.
type stood struct {
	kind string
	as   metav1.ConditionStatus
}

// note keeps how conditions are. It keeps no more: a status has pointers to whatever it was made of,
// the route and its Pods.
func (m *memory) note(conditions []metav1.Condition) {
	list := make([]stood, len(conditions))
	for i := range conditions {
		list[i] = stood{conditions[i].Type, conditions[i].Status}
	}
	m.conditions.Store(&list)
}

// podMemory is what is kept of one Pod.
type podMemory struct {
	told    told
	rotated rotated
	killed  killed
}

// pod returns what is kept of a Pod: nothing yet of one that is seen for the first time.
func (m *memory) pod(uid types.UID) *podMemory {
	if m.pods[uid] == nil {
		if m.pods == nil {
			m.pods = map[types.UID]*podMemory{}
		}
		m.pods[uid] = &podMemory{}
	}
	return m.pods[uid]
}

// keep forgets the Pods that are gone.
func (m *memory) keep(pods []seenPod) {
	there := make(map[types.UID]bool, len(pods))
	for i := range pods {
		there[pods[i].UID] = true
	}
	maps.DeleteFunc(m.pods, func(uid types.UID, _ *podMemory) bool { return !there[uid] })
}

// drop forgets what was done for a route that is another operator's now. The budget of its
// status stays: two that claim it by turns go on with what they have left.
func (m *memory) drop() {
	m.applied, m.pods, m.order, m.absent, m.edited = appliedIntents{}, nil, order{}, nil, time.Time{}
	m.conditions.Store(nil)
}

// memories hold the memory of each route, until the route is gone. The zero value is empty.
type memories struct {
	mu     sync.Mutex
	routes map[types.NamespacedName]*memory
}

// enter returns the memory of a route for one pass, which calls leave at its end. Another
// pass over the same route waits for that.
func (m *memories) enter(route types.NamespacedName) (of *memory, leave func()) {
	m.mu.Lock()
	of, ok := m.routes[route]
	if !ok {
		of = &memory{}
		if m.routes == nil {
			m.routes = map[types.NamespacedName]*memory{}
		}
		m.routes[route] = of
	}
	m.mu.Unlock()
	of.passing.Lock()
	return of, of.passing.Unlock
}

// forget drops the memory of a route that is gone.
func (m *memories) forget(route types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.routes, route)
}

// each calls f for each route, of which a pass may be under way.
func (m *memories) each(f func(key types.NamespacedName, of *memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, of := range m.routes {
		f(key, of)
	}
}
