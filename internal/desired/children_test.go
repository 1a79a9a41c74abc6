package desired_test

import (
	"reflect"
	"slices"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
)

func scaled(least, most int32) func(*v1alpha1.Proxy) {
	return func(p *v1alpha1.Proxy) {
		p.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: least, MaxReplicas: most, TargetCPUUtilizationPercent: 70}
	}
}

func replicas(n int32) func(*v1alpha1.Proxy) { return func(p *v1alpha1.Proxy) { p.Replicas = new(n) } }

// How many proxies there are is the route's to say, or the autoscaler's, never both's. One
// at a time may be evicted where there are several: a budget for a single one would keep
// its node from ever being drained.
func TestNumbersOfProxies(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		modify   []func(*v1alpha1.Proxy)
		replicas int32 // 0 for nobody says
		budget   bool
		start    int32
	}{
		"one":                            {[]func(*v1alpha1.Proxy){replicas(1)}, 1, false, 0},
		"two":                            {[]func(*v1alpha1.Proxy){replicas(2)}, 2, true, 0},
		"nobody says":                    {[]func(*v1alpha1.Proxy){func(p *v1alpha1.Proxy) { p.Replicas = nil }}, 0, false, 0},
		"an autoscaler from one":         {[]func(*v1alpha1.Proxy){replicas(5), scaled(1, 9)}, 0, false, 5},
		"an autoscaler from two":         {[]func(*v1alpha1.Proxy){replicas(1), scaled(2, 9)}, 0, true, 2},
		"an autoscaler, and nobody says": {[]func(*v1alpha1.Proxy){func(p *v1alpha1.Proxy) { p.Replicas = nil }, scaled(3, 9)}, 0, true, 3},
	} {
		in := input(desired.Options{}, row.modify...)
		c := children(in)
		var got int32
		if n := c.Deployment.Spec.Replicas; n != nil {
			got = *n
		}
		if got != row.replicas {
			t.Errorf("%s: replicas are %d, want %d", name, got, row.replicas)
		}
		if (c.DisruptionBudget != nil) != row.budget {
			t.Errorf("%s: there is a budget: %v", name, c.DisruptionBudget != nil)
		}
		if (c.Autoscaler != nil) != (row.start > 0) {
			t.Errorf("%s: there is an autoscaler: %v", name, c.Autoscaler != nil)
		}
		if row.start > 0 && desired.Start(in.Route) != row.start {
			t.Errorf("%s: it begins with %d, want %d", name, desired.Start(in.Route), row.start)
		}
	}
}

// A node is drained one proxy at a time, of ill ones at once; a rollout never has fewer
// than it began with.
func TestProxiesAreNotTakenAwayAtOnce(t *testing.T) {
	t.Parallel()
	c := children(input(desired.Options{}))
	b := typed[policyv1.PodDisruptionBudget](t, c.DisruptionBudget).Spec
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "fanout-proxy", "fanout.dev/route": "orders"}}
	if b.MaxUnavailable.IntValue() != 1 || b.MinAvailable != nil || *b.UnhealthyPodEvictionPolicy != policyv1.AlwaysAllow || !reflect.DeepEqual(b.Selector, selector) {
		t.Errorf("the budget is\n%s", text(t, b))
	}
	if r := c.Deployment.Spec.Strategy.RollingUpdate; r.MaxUnavailable.IntValue() != 0 || r.MaxSurge.String() != "25%" {
		t.Errorf("a rollout may take %v away and add %v", r.MaxUnavailable, r.MaxSurge)
	}
}

func TestAutoscalers(t *testing.T) {
	t.Parallel()
	got := typed[autoscalingv2.HorizontalPodAutoscaler](t, children(input(desired.Options{}, scaled(2, 9))).Autoscaler).Spec
	want := autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "orders-fanout"},
		MinReplicas:    new(int32(2)), MaxReplicas: 9,
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(70))},
		}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the autoscaler is\n%s\nwant\n%s", text(t, got), text(t, want))
	}
}

// H28: meshes tell a protocol by the name of the Service's port.
func TestH28ServicePortsAreNamedByTheirProtocol(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		tls         *v1alpha1.ListenerTLS
		name, url   string
		kind        v1alpha1.ServiceType
		serviceType corev1.ServiceType
	}{
		{nil, "http", "http://orders-fanout.shop.svc:8000", "", corev1.ServiceTypeClusterIP},
		{&v1alpha1.ListenerTLS{SecretName: "tls"}, "https", "https://orders-fanout.shop.svc:8000", v1alpha1.ServiceType("LoadBalancer"), corev1.ServiceTypeLoadBalancer},
	} {
		in := input(desired.Options{Operator: "fanout-system/fanout-operator"}, func(p *v1alpha1.Proxy) {
			p.Service.Type, p.Service.Annotations = row.kind, map[string]string{"example.com/lb": "internal"}
		})
		in.Route.Spec.Listener = v1alpha1.Listener{Port: 8000, TLS: row.tls}
		s := typed[corev1.Service](t, children(in).Service)
		if p := s.Spec.Ports; len(p) != 1 || p[0].Name != row.name || p[0].Port != 8000 || p[0].TargetPort.StrVal != "calls" || p[0].Protocol != corev1.ProtocolTCP {
			t.Errorf("%s: the Service's ports are %+v", row.name, p)
		}
		if s.Spec.Type != row.serviceType || s.Annotations["example.com/lb"] != "internal" || s.Annotations[v1alpha1.OperatorAnnotation] != "fanout-system/fanout-operator" {
			t.Errorf("%s: type %s, annotations %v", row.name, s.Spec.Type, s.Annotations)
		}
		if got := desired.URL(in.Route); got != row.url {
			t.Errorf("the route is at %s, want %s", got, row.url)
		}
		if ports := pod(in).Containers[0].Ports; !slices.ContainsFunc(typed[corev1.Container](t, pod(in).Containers[0]).Ports, func(p corev1.ContainerPort) bool {
			return p.Name == "calls" && p.ContainerPort == desired.CallsPort
		}) {
			t.Errorf("%s: the Service's target is not among %v", row.name, ports)
		}
	}
}

// The port of calls is open to those that the route names, that of the admin to the
// operator and to who reads metrics.
func TestNetworkPolicies(t *testing.T) {
	t.Parallel()
	peer := func(key string) networkingv1.NetworkPolicyPeer {
		return networkingv1.NetworkPolicyPeer{
			PodSelector:       &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpExists}}},
			NamespaceSelector: &metav1.LabelSelector{},
		}
	}
	in := input(desired.Options{Namespace: "fanout-system"}, func(p *v1alpha1.Proxy) {
		p.NetworkPolicy = &v1alpha1.ProxyNetworkPolicy{
			From:        []networkingv1.NetworkPolicyPeer{peer("caller"), {IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16"}}}},
			MetricsFrom: []networkingv1.NetworkPolicyPeer{peer("prometheus")},
		}
	})
	got := typed[networkingv1.NetworkPolicy](t, children(in).NetworkPolicy).Spec
	if !reflect.DeepEqual(got.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}) || len(got.Ingress) != 2 {
		t.Fatalf("the policy is\n%s", text(t, got))
	}
	operator := networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "fanout-system"}}}
	for i, row := range []struct {
		port string
		from []networkingv1.NetworkPolicyPeer
	}{{"calls", in.Route.Spec.Proxy.NetworkPolicy.From}, {"admin", []networkingv1.NetworkPolicyPeer{operator, peer("prometheus")}}} {
		if r := got.Ingress[i]; len(r.Ports) != 1 || r.Ports[0].Port.StrVal != row.port || !reflect.DeepEqual(r.From, row.from) {
			t.Errorf("who may reach %s:\n%s", row.port, text(t, r))
		}
	}
	in.Route.Spec.Proxy.NetworkPolicy.From = nil
	if got := typed[networkingv1.NetworkPolicy](t, children(in).NetworkPolicy).Spec; len(got.Ingress[0].From) != 0 {
		t.Errorf("without from, calls are open to %+v alone", got.Ingress[0].From)
	}
	if p := children(input(desired.Options{})).NetworkPolicy; p != nil {
		t.Error("a route that asks for no policy has one")
	}
}

// Children are the route's own: Kubernetes deletes them with it. In a Pod of the
// application there is nothing to make but the document.
func TestChildren(t *testing.T) {
	t.Parallel()
	in := input(desired.Options{}, scaled(2, 3), func(p *v1alpha1.Proxy) { p.NetworkPolicy = &v1alpha1.ProxyNetworkPolicy{} })
	in.Route.UID, in.Document = "7", []byte(`{"routes":[]}`)
	c := children(in)
	for kind, object := range map[string]any{
		"ConfigMap": c.ConfigMap, "Deployment": c.Deployment, "Service": c.Service,
		"PodDisruptionBudget": c.DisruptionBudget, "HorizontalPodAutoscaler": c.Autoscaler, "NetworkPolicy": c.NetworkPolicy,
	} {
		meta := typed[metav1.PartialObjectMetadata](t, object)
		want := []metav1.OwnerReference{{
			APIVersion: "fanout.dev/v1alpha1", Kind: "FanoutRoute", Name: "orders", UID: "7", Controller: new(true), BlockOwnerDeletion: new(true),
		}}
		if meta.Name != "orders-fanout" || meta.Namespace != "shop" || !reflect.DeepEqual(meta.OwnerReferences, want) {
			t.Errorf("the %s is %s/%s of %+v", kind, meta.Namespace, meta.Name, meta.OwnerReferences)
		}
	}
	if got := c.ConfigMap.Data[desired.DocumentKey]; got != `{"routes":[]}` {
		t.Errorf("the document is %q", got)
	}
	in.Route.Spec.Proxy.Mode = v1alpha1.ModeSidecar
	in.Route.Spec.Listener.Port = 8000
	if c := children(in); c.ConfigMap == nil || c.Deployment != nil || c.Service != nil || c.DisruptionBudget != nil || c.Autoscaler != nil || c.NetworkPolicy != nil {
		t.Errorf("a sidecar's children are %+v", c)
	}
	if got := desired.URL(in.Route); got != "http://127.0.0.1:8000" {
		t.Errorf("a sidecar is at %s", got)
	}
	if got := desired.Selector(in.Route); !reflect.DeepEqual(got, map[string]string{"fanout.dev/route": "orders"}) {
		t.Errorf("Pods with a sidecar are selected by %v", got)
	}
}
