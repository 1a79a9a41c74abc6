package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/pods"
)

// Events are routes of which something new is to be shown.
type Events chan event.TypedGenericEvent[types.NamespacedName]

// Moved sends a route to the queue.
func (e Events) Moved(route types.NamespacedName) {
	e <- event.TypedGenericEvent[types.NamespacedName]{Object: route}
}

// SetUp adds the controller to a manager.
func (r *RouteReconciler) SetUp(ctx context.Context, mgr ctrl.Manager, moved Events, workers int) error {
	check, err := compile.NewChecker()
	if err != nil {
		return err
	}
	r.verdicts = newVerdicts(check, moved.Moved)
	if r.configMaps, err = newConfigMaps(mgr, r.Namespaces, moved.Moved); err != nil {
		return err
	}
	if err := indexPods(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := mgr.Add(manager.RunnableFunc(r.verdicts.run)); err != nil {
		return fmt.Errorf("add compiler: %w", err)
	}
	b := ctrl.NewControllerManagedBy(mgr).
		Named("fanoutroute").
		For(&v1alpha1.FanoutRoute{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(routeOfPod), builder.WithPredicates(podMatters())).
		WatchesRawSource(source.TypedChannel(moved, handler.TypedEnqueueRequestsFromMapFunc(
			func(_ context.Context, route types.NamespacedName) []reconcile.Request {
				return []reconcile.Request{{NamespacedName: route}}
			}))).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers})
	for _, kind := range childKinds() {
		b.Owns(kind.empty())
	}
	if r.WatchSecrets {
		b.WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.readers.of))
	}
	if err := b.Complete(r); err != nil {
		return fmt.Errorf("set up controller: %w", err)
	}
	return nil
}

func routeOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[v1alpha1.RouteLabel]
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

// podMatters lets a Pod through whose facts have changed, which our own annotations, that
// every nudge changes, are none of.
func podMatters() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Pod)
		after, isPod := e.ObjectNew.(*corev1.Pod)
		return !ok || !isPod || pods.Of(before) != pods.Of(after)
	}}
}
