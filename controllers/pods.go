package controllers

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// podMemory remembers a T for each Pod of each route, until the Pod or the route is gone.
// Its zero value is empty. It is safe for concurrent use; what is kept of a Pod is for the
// passes of its route, of which there is one at a time.
type podMemory[T any] struct {
	mu     sync.Mutex
	routes map[types.NamespacedName]map[types.UID]T
}

func (m *podMemory[T]) get(route types.NamespacedName, pod types.UID) (kept T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, ok = m.routes[route][pod]
	return kept, ok
}

func (m *podMemory[T]) set(route types.NamespacedName, pod types.UID, kept T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routes == nil {
		m.routes = map[types.NamespacedName]map[types.UID]T{}
	}
	if m.routes[route] == nil {
		m.routes[route] = map[types.UID]T{}
	}
	m.routes[route][pod] = kept
}

// keep forgets the Pods of a route that are gone.
func (m *podMemory[T]) keep(route types.NamespacedName, pods []seenPod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid := range m.routes[route] {
		if !slices.ContainsFunc(pods, func(p seenPod) bool { return p.UID == uid }) {
			delete(m.routes[route], uid)
		}
	}
	if len(m.routes[route]) == 0 {
		delete(m.routes, route)
	}
}

func (m *podMemory[T]) forget(route types.NamespacedName) { m.keep(route, nil) }
