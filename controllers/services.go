package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// findServices asks the API server which of the Services that backends name do not exist.
// It asks for the metadata of each name, past the cache: a watch would bring in every
// Service of the cluster. While one is missing the route has a pass every 30 s, in which its
// coming is seen. Where the operator may not look, as with a role that somebody has
// narrowed, nothing is said to be missing. Where the API server does not say, a Service is
// what it was in the pass before, and the error is for after the report: it must not keep
// everything else from being told.
func (r *RouteReconciler) findServices(ctx context.Context, s *scope) error {
	if len(s.errors) > 0 {
		return nil
	}
	var failed error
	before, asked := s.memory.absent, map[string]bool{}
	for i := range s.route.Spec.Backends {
		named := s.route.Spec.Backends[i].Service
		if named == nil || asked[named.Name] {
			continue
		}
		asked[named.Name] = true
		key, absent := types.NamespacedName{Namespace: s.key.Namespace, Name: named.Name}, slices.Contains(before, named.Name)
		edited := s.memory.asked != 0 && s.memory.asked != s.route.Generation
		if !absent && !edited && r.services.seen(key, s.now) {
			continue
		}
		if failed == nil { // a second one would take as long to fail
			absent, failed = r.isAbsent(ctx, key, absent)
			if failed == nil && !absent {
				r.services.note(key, s.now)
			}
		}
		if absent {
			s.absent = append(s.absent, named.Name)
			s.again = sooner(s.again, lookAgain)
		}
	}
	s.memory.absent = s.absent
	if failed == nil {
		s.memory.asked = s.route.Generation
	}
	return failed
}

// serviceAsk is how old what is known of a Service that exists may get: hundreds of routes may name
// the same one, all of them at a start of the operator, and a route has several passes within seconds. An edit asks anew.
const serviceAsk = 5 * time.Second

// services remembers when Services were there. Its methods are safe for concurrent use.
type services struct {
	mu    sync.Mutex
	there map[types.NamespacedName]time.Time
	swept time.Time
}

// seen reports whether a Service was there just now.
func (s *services) seen(key types.NamespacedName, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.there[key]
	return ok && now.Sub(at) < serviceAsk
}

// note notes that it was there.
func (s *services) note(key types.NamespacedName, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.there == nil {
		s.there = map[types.NamespacedName]time.Time{}
	}
	if now.Sub(s.swept) >= serviceAsk { // of which no route asks any more
		s.swept = now
		maps.DeleteFunc(s.there, func(_ types.NamespacedName, at time.Time) bool { return now.Sub(at) >= serviceAsk })
	}
	s.there[key] = now
}

// isAbsent reports whether a Service does not exist; what it was where nobody says.
func (r *RouteReconciler) isAbsent(ctx context.Context, key types.NamespacedName, was bool) (bool, error) {
	service := &metav1.PartialObjectMetadata{}
	service.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Service"))
	err := r.Live.Get(ctx, key, service)
	switch {
	case apierrors.IsNotFound(err):
		return true, nil
	case err != nil && !apierrors.IsForbidden(err):
		return was, fmt.Errorf("read Service %s: %w", key, err)
	}
	return false, nil
}
