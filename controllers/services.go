package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// findServices asks the API server which of the Services that backends name do not exist.
// It asks for the metadata of each name, past the cache: a watch would bring in every
// Service of the cluster. While one is missing the route has a pass every 30 s, in which its
// coming is seen. Where the operator may not look, as with a role that somebody has
// narrowed, nothing is said to be missing.
func (r *RouteReconciler) findServices(ctx context.Context, s *scope) error {
	if len(s.errors) > 0 {
		return nil
	}
	asked := map[string]bool{}
	for i := range s.route.Spec.Backends {
		named := s.route.Spec.Backends[i].Service
		if named == nil || asked[named.Name] {
			continue
		}
		asked[named.Name] = true
		service := &metav1.PartialObjectMetadata{}
		service.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Service"))
		err := r.Live.Get(ctx, types.NamespacedName{Namespace: s.key.Namespace, Name: named.Name}, service)
		switch {
		case apierrors.IsNotFound(err):
			s.absent = append(s.absent, named.Name)
			s.again = sooner(s.again, lookAgain)
		case err != nil && !apierrors.IsForbidden(err):
			return fmt.Errorf("read Service %s/%s: %w", s.key.Namespace, named.Name, err)
		}
	}
	return nil
}
