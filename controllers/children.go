package controllers

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	autoscalingapply "k8s.io/client-go/applyconfigurations/autoscaling/v2"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	networkingapply "k8s.io/client-go/applyconfigurations/networking/v1"
	policyapply "k8s.io/client-go/applyconfigurations/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
)

// childKind is a kind of object that a route can have one of.
type childKind struct {
	name   string
	empty  func() client.Object
	intent func(desired.Children) runtime.ApplyConfiguration // nil where the route asks for none
	// blank is an intent that asks for nothing.
	blank func(name, namespace string) runtime.ApplyConfiguration
}

// childKinds are all kinds, in the order in which they are applied: what closes the
// Pods before there are any, the document before Pods that would start with another.
func childKinds() []childKind {
	return []childKind{
		{"NetworkPolicy", func() client.Object { return &networkingv1.NetworkPolicy{} },
			func(c desired.Children) runtime.ApplyConfiguration { return orNil(c.NetworkPolicy) },
			func(name, namespace string) runtime.ApplyConfiguration {
				return networkingapply.NetworkPolicy(name, namespace)
			}},
		{"ConfigMap", func() client.Object { return &corev1.ConfigMap{} },
			func(c desired.Children) runtime.ApplyConfiguration { return orNil(c.ConfigMap) },
			func(name, namespace string) runtime.ApplyConfiguration { return coreapply.ConfigMap(name, namespace) }},
		{"Service", func() client.Object { return &corev1.Service{} },
			func(c desired.Children) runtime.ApplyConfiguration { return orNil(c.Service) },
			func(name, namespace string) runtime.ApplyConfiguration { return coreapply.Service(name, namespace) }},
		{"Deployment", func() client.Object { return &appsv1.Deployment{} },
			func(c desired.Children) runtime.ApplyConfiguration { return orNil(c.Deployment) },
			func(name, namespace string) runtime.ApplyConfiguration { return appsapply.Deployment(name, namespace) }},
		{"PodDisruptionBudget", func() client.Object { return &policyv1.PodDisruptionBudget{} },
			func(c desired.Children) runtime.ApplyConfiguration { return orNil(c.DisruptionBudget) },
			func(name, namespace string) runtime.ApplyConfiguration {
				return policyapply.PodDisruptionBudget(name, namespace)
			}},
		{"HorizontalPodAutoscaler", func() client.Object { return &autoscalingv2.HorizontalPodAutoscaler{} },
			func(c desired.Children) runtime.ApplyConfiguration { return orNil(c.Autoscaler) },
			func(name, namespace string) runtime.ApplyConfiguration {
				return autoscalingapply.HorizontalPodAutoscaler(name, namespace)
			}},
	}
}

// orNil keeps a nil pointer from becoming an interface that is none.
func orNil[T any, P interface {
	*T
	runtime.ApplyConfiguration
}](p P) runtime.ApplyConfiguration {
	if p == nil {
		return nil
	}
	return p
}

// observeChildren reads the route's children from the cache.
func (r *RouteReconciler) observeChildren(ctx context.Context, s *scope) error {
	s.live = map[string]client.Object{}
	for _, kind := range childKinds() {
		object := kind.empty()
		err := r.Client.Get(ctx, s.childKey(), object)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s %s: %w", kind.name, s.childKey(), err)
		}
		if ownedBy(object, s.route) || orphaned(object, s.route) {
			s.live[kind.name] = object
		}
	}
	return nil
}

// findConflicts looks past the cache, which holds labelled objects alone, for those
// that are to be made: a namesake of somebody else must not be adopted. One without a
// controller that bears our labels is what a route of this name left behind, and is.
func (r *RouteReconciler) findConflicts(ctx context.Context, s *scope) error {
	if len(s.errors) > 0 {
		return nil
	}
	for _, kind := range childKinds() {
		if s.live[kind.name] != nil || kind.intent(s.children) == nil {
			continue
		}
		object := kind.empty()
		err := r.Live.Get(ctx, s.childKey(), object)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return fmt.Errorf("read %s %s: %w", kind.name, s.childKey(), err)
		case ownedBy(object, s.route), orphaned(object, s.route):
			s.live[kind.name] = object
		default:
			s.conflict = fmt.Sprintf("%s %q", kind.name, s.childKey().Name)
		}
	}
	return nil
}

func (s *scope) childKey() types.NamespacedName {
	return types.NamespacedName{Namespace: s.key.Namespace, Name: desired.Name(s.route)}
}

// ownedBy goes by UID: a route that was deleted and made again is another one, and
// its children are about to go.
func ownedBy(object client.Object, route *v1alpha1.FanoutRoute) bool {
	return slices.ContainsFunc(object.GetOwnerReferences(), func(o metav1.OwnerReference) bool {
		return o.UID == route.UID && o.Controller != nil && *o.Controller
	})
}

// orphaned reports whether an object is what a route of this name left: kubectl delete
// --cascade=orphan takes the controller from its children, and leaves their names and labels.
func orphaned(object client.Object, route *v1alpha1.FanoutRoute) bool {
	if metav1.GetControllerOfNoCopy(object) != nil || object.GetDeletionTimestamp() != nil {
		return false
	}
	for key, value := range desired.OwnLabels(route) {
		if object.GetLabels()[key] != value {
			return false
		}
	}
	return true
}
