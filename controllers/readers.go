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
}

// set records which Secrets a route reads now; none forgets the route.
func (r *readers) set(route types.NamespacedName, secrets []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for secret, routes := range r.routes {
		if delete(routes, route); len(routes) == 0 {
			delete(r.routes, secret)
		}
	}
	if r.routes == nil {
		r.routes = map[types.NamespacedName]map[types.NamespacedName]bool{}
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
