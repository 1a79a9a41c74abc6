package controllers

import (
	"context"
	"fmt"
	"slices"

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
		absent := slices.Contains(before, named.Name)
		if failed == nil { // a second one would take as long to fail
			absent, failed = r.isAbsent(ctx, types.NamespacedName{Namespace: s.key.Namespace, Name: named.Name}, absent)
		}
		if absent {
			s.absent = append(s.absent, named.Name)
			s.again = sooner(s.again, lookAgain)
		}
	}
	s.memory.absent = s.absent
	return failed
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
