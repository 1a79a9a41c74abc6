package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apply "k8s.io/client-go/applyconfigurations/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/internal/desired"
)

// autoscaledManager keeps the number of replicas alive between us, who gave it up,
// and the autoscaler, which has not set it yet: a field that its last owner stops
// applying goes back to its default, and the default is one proxy.
const autoscaledManager = client.FieldOwner("fanout-operator-autoscaled")

// handOver makes sure that a Deployment with an autoscaler keeps its number when it
// is applied without one, and has the route's where that is 0: an autoscaler leaves 0
// alone.
func (r *RouteReconciler) handOver(ctx context.Context, s *scope, live client.Object) error {
	deployment, ok := live.(*appsv1.Deployment)
	if !ok || s.route.Spec.Proxy.Autoscaling == nil {
		return nil
	}
	number := desired.Start(s.route)
	if n := deployment.Spec.Replicas; n != nil && *n > 0 {
		number = *n
	}
	return r.hand(ctx, s, deployment.ResourceVersion, number)
}

// asleep reports whether a Deployment with an autoscaler has no proxy: however it came
// to that, its autoscaler does not wake it up.
func asleep(s *scope, live client.Object) bool {
	deployment, ok := live.(*appsv1.Deployment)
	return ok && s.route.Spec.Proxy.Autoscaling != nil && deployment.Spec.Replicas != nil && *deployment.Spec.Replicas == 0
}

// begin gives a Deployment that was just made, at that version, its first number.
func (r *RouteReconciler) begin(ctx context.Context, s *scope, kind, version string) error {
	if kind != "Deployment" || s.route.Spec.Proxy.Autoscaling == nil {
		return nil
	}
	return r.hand(ctx, s, version, desired.Start(s.route))
}

// hand writes the number, unless the Deployment is not what it was at this version:
// what an autoscaler writes by the subresource scale is no conflict of field managers
// (measured: nobody owns it then), and must not be undone by a cache that lags.
func (r *RouteReconciler) hand(ctx context.Context, s *scope, version string, number int32) error {
	key := s.childKey()
	intent := apply.Deployment(key.Name, key.Namespace).WithResourceVersion(version).
		WithSpec(apply.DeploymentSpec().WithReplicas(number))
	if err := r.Client.Apply(ctx, intent, autoscaledManager, client.ForceOwnership); err != nil {
		return fmt.Errorf("hand over replicas of %s: %w", s.key, err)
	}
	return nil
}
