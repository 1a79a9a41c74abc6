package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apply "k8s.io/client-go/applyconfigurations/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// autoscaledManager keeps the number of replicas alive between us, who gave it up,
// and the autoscaler, which has not set it yet: a field that its last owner stops
// applying goes back to its default, and the default is one proxy.
const autoscaledManager = client.FieldOwner("fanout-operator-autoscaled")

// handOver makes sure that a Deployment with an autoscaler keeps its number when
// it is applied without one.
func (r *RouteReconciler) handOver(ctx context.Context, s *scope, live client.Object) error {
	deployment, ok := live.(*appsv1.Deployment)
	if !ok || s.route.Spec.Proxy.Autoscaling == nil || deployment.Spec.Replicas == nil {
		return nil
	}
	intent := apply.Deployment(deployment.Name, deployment.Namespace).
		WithSpec(apply.DeploymentSpec().WithReplicas(*deployment.Spec.Replicas))
	// Not forced: where the autoscaler has moved on, this is a conflict, and the
	// next pass sees its number.
	if err := r.Client.Apply(ctx, intent, autoscaledManager); err != nil {
		return fmt.Errorf("apply replicas: %w", err)
	}
	return nil
}
