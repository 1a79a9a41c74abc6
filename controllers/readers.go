package controllers

import (
	"context"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// readers knows which routes read a Secret, for the watch of Secrets, or a ConfigMap, for
// that of ConfigMaps. It is safe for concurrent use.
type readers struct {
	mu     sync.Mutex
	routes map[types.NamespacedName]map[types.NamespacedName]bool // by Secret
	reads  map[types.NamespacedName][]string                      // by route: a pass does not look through those of others
}

// set records which Secrets a route reads now; none forgets the route.
func (r *readers) set(route types.NamespacedName, secrets []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Equal(r.reads[route], secrets) {
		return
	}
	for _, name := range r.reads[route] {
		key := types.NamespacedName{Namespace: route.Namespace, Name: name}
		if delete(r.routes[key], route); len(r.routes[key]) == 0 {
			delete(r.routes, key)
		}
	}
	if r.routes == nil {
		r.routes, r.reads = map[types.NamespacedName]map[types.NamespacedName]bool{}, map[types.NamespacedName][]string{}
	}
	if r.reads[route] = slices.Clone(secrets); len(secrets) == 0 {
		delete(r.reads, route)
	}
	for _, name := range secrets {
		key := types.NamespacedName{Namespace: route.Namespace, Name: name}
		if r.routes[key] == nil {
			r.routes[key] = map[types.NamespacedName]bool{}
		}
		r.routes[key][route] = true
	}
}

// of are passes over the routes that read a Secret.
func (r *readers) of(_ context.Context, secret client.Object) (list []reconcile.Request) {
	for _, route := range r.reading(client.ObjectKeyFromObject(secret)) {
		list = append(list, reconcile.Request{NamespacedName: route})
	}
	return list
}

// reading are the routes that read an object.
func (r *readers) reading(object types.NamespacedName) []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.routes[object]))
}
