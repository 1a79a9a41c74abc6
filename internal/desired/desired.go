// Package desired builds the objects that a route asks for, as apply
// configurations that hold only the fields that are ours. It is pure.
package desired

import (
	"errors"
	"fmt"
	"maps"

	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"

	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	autoscalingv2 "k8s.io/client-go/applyconfigurations/autoscaling/v2"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1 "k8s.io/client-go/applyconfigurations/networking/v1"
	policyv1 "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// CallsPort is the port on which a proxy listens, whatever the Service's is, so
	// that an edit of it rolls no Pod. It is the same with TLS and without: Pods of
	// before go on behind the Service until the new ones are ready.
	CallsPort = 8080
	// CallsPortName names it among the container's ports.
	CallsPortName = "calls"
	// AdminPort is the proxy's admin port.
	AdminPort = 9091
	// AdminPortName names it among the container's ports.
	AdminPortName = "admin"
	// ManagedBy is the value of that label on what the operator makes.
	ManagedBy = "fanout-operator"
	// DocumentKey is the ConfigMap's key with the document.
	DocumentKey = "document.json"
)

// Options are what the operator says of all proxies.
type Options struct {
	// Image is the proxy's.
	Image string
	// Operator is the namespace and name of the operator's Lease, which every child bears;
	// empty for none.
	Operator string
	// Namespace is the operator's own.
	Namespace string
	// Args are added to those of every proxy.
	Args []string
	// OmitUser leaves runAsUser, runAsGroup and fsGroup to the platform, and to the image.
	OmitUser bool
	// ImagePullSecrets are names of Secrets with which nodes pull Image, in whatever
	// namespace a proxy is.
	ImagePullSecrets []string
}

// Input is what the objects are made of.
type Input struct {
	Route *v1alpha1.FanoutRoute
	// Compiled is the route of the document.
	Compiled *routeconfig.Route
	// Document is the encoded document.
	Document []byte
	// Grace is the grace period of the Pod that a sidecar is for, in seconds.
	Grace int64
	// Account is the service account of that Pod; empty for the namespace's default.
	Account string
	Options Options
}

// Children are a route's objects. Those that the route does not ask for are nil.
type Children struct {
	ConfigMap        *corev1.ConfigMapApplyConfiguration
	Deployment       *appsv1.DeploymentApplyConfiguration
	Service          *corev1.ServiceApplyConfiguration
	DisruptionBudget *policyv1.PodDisruptionBudgetApplyConfiguration
	Autoscaler       *autoscalingv2.HorizontalPodAutoscalerApplyConfiguration
	NetworkPolicy    *networkingv1.NetworkPolicyApplyConfiguration
}

// Name is the name of all children of a route. It differs from the route's, which
// is often that of the application and its Service.
func Name(route *v1alpha1.FanoutRoute) string { return route.Name + "-fanout" }

// Build returns a route's objects. The error is a defect of ours, or of what the API server
// admitted.
func Build(in Input) (Children, error) {
	if in.Route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
		return Children{ConfigMap: configMap(in)}, nil
	}
	proxies, err := deployment(in)
	policy, refused := networkPolicy(in)
	if err := errors.Join(err, refused); err != nil {
		return Children{}, fmt.Errorf("build children of %s/%s: %w", in.Route.Namespace, in.Route.Name, err)
	}
	return Children{
		ConfigMap: configMap(in), Deployment: proxies, Service: service(in),
		DisruptionBudget: disruptionBudget(in), Autoscaler: autoscaler(in), NetworkPolicy: policy,
	}, nil
}

// Labels are those of every child: what the route's template adds, and ours. A route's
// own labels are about the route: what tools write there would roll its Pods.
func Labels(route *v1alpha1.FanoutRoute) map[string]string {
	all := map[string]string{}
	if t := route.Spec.Proxy.Template; t != nil {
		maps.Copy(all, t.Labels)
	}
	maps.Copy(all, OwnLabels(route))
	return all
}

// OwnLabels are those that the operator sets on every child, whatever the template adds.
func OwnLabels(route *v1alpha1.FanoutRoute) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":       "fanout-proxy",
		"app.kubernetes.io/instance":   route.Name,
		"app.kubernetes.io/managed-by": ManagedBy,
		v1alpha1.RouteLabel:            route.Name,
	}
}

// marks are the annotations of every child. They are not on Pods, which must not roll
// when a route changes hands.
func marks(in Input) map[string]string {
	if in.Options.Operator == "" {
		return nil
	}
	return map[string]string{v1alpha1.OperatorAnnotation: in.Options.Operator}
}

// Selector selects a route's Pods.
func Selector(route *v1alpha1.FanoutRoute) map[string]string {
	if route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
		return map[string]string{v1alpha1.RouteLabel: route.Name}
	}
	return map[string]string{"app.kubernetes.io/name": "fanout-proxy", v1alpha1.RouteLabel: route.Name}
}

func owner(route *v1alpha1.FanoutRoute) *metav1.OwnerReferenceApplyConfiguration {
	return metav1.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(v1alpha1.Kind).
		WithName(route.Name).WithUID(route.UID).
		WithController(true).WithBlockOwnerDeletion(true)
}

func configMap(in Input) *corev1.ConfigMapApplyConfiguration {
	return corev1.ConfigMap(Name(in.Route), in.Route.Namespace).
		WithLabels(Labels(in.Route)).
		WithAnnotations(marks(in)).
		WithOwnerReferences(owner(in.Route)).
		WithData(map[string]string{DocumentKey: string(in.Document)})
}

func service(in Input) *corev1.ServiceApplyConfiguration {
	s, scheme := in.Route.Spec.Proxy.Service, Scheme(in.Route)
	return corev1.Service(Name(in.Route), in.Route.Namespace).
		WithLabels(Labels(in.Route)).
		WithAnnotations(s.Annotations).WithAnnotations(marks(in)).
		WithOwnerReferences(owner(in.Route)).
		WithSpec(corev1.ServiceSpec().
			WithType(serviceType(s.Type)).
			WithSelector(Selector(in.Route)).
			WithPorts(corev1.ServicePort().WithName(scheme).WithPort(in.Route.Spec.Listener.Port).
				WithTargetPort(portName(CallsPortName)).WithProtocol("TCP")))
}

// URL is where a route is to be called: by its Service, or within each Pod that has
// it as a sidecar.
func URL(route *v1alpha1.FanoutRoute) string {
	host := Name(route) + "." + route.Namespace + ".svc"
	if route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
		host = "127.0.0.1"
	}
	return fmt.Sprintf("%s://%s:%d", Scheme(route), host, route.Spec.Listener.Port)
}

// Scheme is that of the route's URL, and the name of its port.
func Scheme(route *v1alpha1.FanoutRoute) string {
	if route.Spec.Listener.TLS != nil {
		return "https"
	}
	return "http"
}
