package desired

import (
	corev1api "k8s.io/api/core/v1"
	policyv1api "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	autoscalingv2 "k8s.io/client-go/applyconfigurations/autoscaling/v2"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1 "k8s.io/client-go/applyconfigurations/networking/v1"
	policyv1 "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// disruptionBudget lets one proxy at a time be evicted, where there are several. A
// node with ill ones can be drained all the same (KEP-3017).
func disruptionBudget(in Input) *policyv1.PodDisruptionBudgetApplyConfiguration {
	p := in.Route.Spec.Proxy
	least := value(p.Replicas)
	if p.Autoscaling != nil {
		least = p.Autoscaling.MinReplicas
	}
	if least < 2 {
		return nil
	}
	return policyv1.PodDisruptionBudget(Name(in.Route), in.Route.Namespace).
		WithLabels(Labels(in.Route)).
		WithAnnotations(marks(in)).
		WithOwnerReferences(owner(in.Route)).
		WithSpec(policyv1.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithSelector(metav1.LabelSelector().WithMatchLabels(Selector(in.Route))).
			WithUnhealthyPodEvictionPolicy(policyv1api.AlwaysAllow))
}

// Start is the number of proxies with which a route begins that has an autoscaler:
// replicas, and no less than the autoscaler's least, since it leaves 0 alone.
func Start(route *v1alpha1.FanoutRoute) int32 {
	return max(value(route.Spec.Proxy.Replicas), route.Spec.Proxy.Autoscaling.MinReplicas)
}

func autoscaler(in Input) *autoscalingv2.HorizontalPodAutoscalerApplyConfiguration {
	a := in.Route.Spec.Proxy.Autoscaling
	if a == nil {
		return nil
	}
	cpu := autoscalingv2.MetricSpec().WithType("Resource").
		WithResource(autoscalingv2.ResourceMetricSource().WithName(corev1api.ResourceCPU).
			WithTarget(autoscalingv2.MetricTarget().WithType("Utilization").WithAverageUtilization(a.TargetCPUUtilizationPercent)))
	return autoscalingv2.HorizontalPodAutoscaler(Name(in.Route), in.Route.Namespace).
		WithLabels(Labels(in.Route)).
		WithAnnotations(marks(in)).
		WithOwnerReferences(owner(in.Route)).
		WithSpec(autoscalingv2.HorizontalPodAutoscalerSpec().
			WithScaleTargetRef(autoscalingv2.CrossVersionObjectReference().
				WithAPIVersion("apps/v1").WithKind("Deployment").WithName(Name(in.Route))).
			WithMinReplicas(a.MinReplicas).WithMaxReplicas(a.MaxReplicas).
			WithMetrics(cpu))
}

// networkPolicy opens the port of the route to those that it names, and the admin
// port to the operator and to who reads metrics. Kubelets reach their own Pods whatever a policy says.
func networkPolicy(in Input) (*networkingv1.NetworkPolicyApplyConfiguration, error) {
	p := in.Route.Spec.Proxy.NetworkPolicy
	if p == nil {
		return nil, nil
	}
	from, err := convertAll[networkingv1.NetworkPolicyPeerApplyConfiguration](p.From)
	if err != nil {
		return nil, err
	}
	metricsFrom, err := convertAll[networkingv1.NetworkPolicyPeerApplyConfiguration](p.MetricsFrom)
	if err != nil {
		return nil, err
	}
	calls := networkingv1.NetworkPolicyIngressRule().WithPorts(
		networkingv1.NetworkPolicyPort().WithProtocol("TCP").WithPort(portName(CallsPortName))).
		WithFrom(from...)
	admin := networkingv1.NetworkPolicyIngressRule().WithPorts(
		networkingv1.NetworkPolicyPort().WithProtocol("TCP").WithPort(portName(AdminPortName)))
	admin.WithFrom(networkingv1.NetworkPolicyPeer().WithNamespaceSelector(
		metav1.LabelSelector().WithMatchLabels(map[string]string{corev1api.LabelMetadataName: in.Options.Namespace})))
	admin.WithFrom(metricsFrom...)
	return networkingv1.NetworkPolicy(Name(in.Route), in.Route.Namespace).
		WithLabels(Labels(in.Route)).
		WithAnnotations(marks(in)).
		WithOwnerReferences(owner(in.Route)).
		WithSpec(networkingv1.NetworkPolicySpec().
			WithPodSelector(metav1.LabelSelector().WithMatchLabels(Selector(in.Route))).
			WithPolicyTypes("Ingress").
			WithIngress(calls, admin)), nil
}
