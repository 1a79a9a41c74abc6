package desired_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	metav1api "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func input(o desired.Options, modify ...func(*v1alpha1.Proxy)) desired.Input {
	route := &v1alpha1.FanoutRoute{ObjectMeta: metav1api.ObjectMeta{Namespace: "shop", Name: "orders"}}
	route.Spec.Proxy.Replicas = new(int32(2))
	for _, m := range modify {
		m(&route.Spec.Proxy)
	}
	compiled := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "https://one.example.com")))
	compiled.Backends[0].Credential = &routeconfig.Credential{Type: routeconfig.CredentialBearer, Secret: "partner"}
	return desired.Input{Route: route, Compiled: &compiled, Options: o}
}

func children(in desired.Input) desired.Children {
	c, err := desired.Build(in)
	if err != nil {
		panic(err)
	}
	return c
}

func pod(in desired.Input) *corev1.PodSpecApplyConfiguration {
	return children(in).Deployment.Spec.Template.Spec
}

func args(p *corev1.PodSpecApplyConfiguration) string { return strings.Join(p.Containers[0].Args, " ") }

func text(t *testing.T, object any) string {
	t.Helper()
	encoded, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// Q2: where the platform chooses the user, nothing names one, and the Secrets can be read
// by whichever it is.
func TestQ2UserIsLeftOut(t *testing.T) {
	t.Parallel()
	for omit, mode := range map[bool]int32{false: 0o440, true: 0o444} {
		in := input(desired.Options{OmitUser: omit})
		p := pod(in)
		s := p.SecurityContext
		if left := s.RunAsUser == nil && s.RunAsGroup == nil && s.FSGroup == nil; left != omit {
			t.Errorf("omitted %v: the Pod has user %v, group %v, group of files %v", omit, s.RunAsUser, s.RunAsGroup, s.FSGroup)
		}
		if s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil {
			t.Errorf("omitted %v: the Pod is not restricted any more: %+v", omit, s)
		}
		for i := range p.Volumes {
			if v := p.Volumes[i].Projected; v != nil && *v.DefaultMode != mode {
				t.Errorf("omitted %v: the mode of Secrets is %o, want %o", omit, *v.DefaultMode, mode)
			}
		}
		sidecar, volumes, err := desired.Sidecar(in)
		if err != nil {
			t.Fatal(err)
		}
		if left := sidecar.SecurityContext.RunAsUser == nil && sidecar.SecurityContext.RunAsGroup == nil; left != omit {
			t.Errorf("omitted %v: the sidecar has user %v, group %v", omit, sidecar.SecurityContext.RunAsUser, sidecar.SecurityContext.RunAsGroup)
		}
		if !*sidecar.SecurityContext.RunAsNonRoot {
			t.Errorf("omitted %v: the sidecar may be root", omit)
		}
		for i := range volumes {
			if v := volumes[i].Projected; v != nil && *v.DefaultMode != 0o444 {
				t.Errorf("omitted %v: the mode of the sidecar's Secrets is %o", omit, *v.DefaultMode)
			}
		}
	}
}

// Q3: what the template says is in the Pod; Secrets to pull with are each there once.
func TestQ3TemplateReachesThePod(t *testing.T) {
	t.Parallel()
	o := desired.Options{ImagePullSecrets: []string{"platform", "both", "platform"}}
	p := pod(input(o, func(p *v1alpha1.Proxy) {
		p.Template = &v1alpha1.PodTemplate{
			ServiceAccountName: "orders", RuntimeClassName: "gvisor", DNSPolicy: "None",
			ImagePullSecrets: []v1alpha1.ImagePullSecret{{Name: "both"}, {Name: "own"}},
			HostAliases:      []v1alpha1.HostAlias{{IP: "10.1.2.3", Hostnames: []string{"api.example.com"}}},
			DNSConfig:        &v1alpha1.DNSConfig{Nameservers: []string{"10.96.0.10"}, Options: []v1alpha1.DNSOption{{Name: "timeout", Value: "2"}, {Name: "use-vc"}}},
		}
	}))
	want := corev1.PodSpec().WithServiceAccountName("orders").WithDeprecatedServiceAccount("orders").WithRuntimeClassName("gvisor").WithDNSPolicy("None").
		WithImagePullSecrets(corev1.LocalObjectReference().WithName("platform"), corev1.LocalObjectReference().WithName("both"), corev1.LocalObjectReference().WithName("own")).
		WithHostAliases(corev1.HostAlias().WithIP("10.1.2.3").WithHostnames("api.example.com")).
		WithDNSConfig(corev1.PodDNSConfig().WithNameservers("10.96.0.10").WithOptions(
			corev1.PodDNSConfigOption().WithName("timeout").WithValue("2"), corev1.PodDNSConfigOption().WithName("use-vc")))
	got := &corev1.PodSpecApplyConfiguration{
		ServiceAccountName: p.ServiceAccountName, DeprecatedServiceAccount: p.DeprecatedServiceAccount, RuntimeClassName: p.RuntimeClassName, DNSPolicy: p.DNSPolicy,
		ImagePullSecrets: p.ImagePullSecrets, HostAliases: p.HostAliases, DNSConfig: p.DNSConfig,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the Pod has\n%s\nwant\n%s", text(t, got), text(t, want))
	}
	if list := pod(input(o)).ImagePullSecrets; len(list) != 2 {
		t.Errorf("without a template the Secrets are %v, want the operator's", list)
	}
}

// Q3: whoever lets a route say where names lead must not have Secrets sent there that are
// bound to names: the proxy is told.
func TestQ3ProxyKnowsWhoseNamesItUses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		template *v1alpha1.PodTemplate
		want     bool
	}{
		"no template":    {nil, false},
		"other fields":   {&v1alpha1.PodTemplate{ServiceAccountName: "orders", DNSPolicy: "Default"}, false},
		"options of DNS": {&v1alpha1.PodTemplate{DNSConfig: &v1alpha1.DNSConfig{Options: []v1alpha1.DNSOption{{Name: "use-vc"}}}}, false},
		"aliases":        {&v1alpha1.PodTemplate{HostAliases: []v1alpha1.HostAlias{{IP: "10.1.2.3", Hostnames: []string{"a"}}}}, true},
		"name servers":   {&v1alpha1.PodTemplate{DNSConfig: &v1alpha1.DNSConfig{Nameservers: []string{"10.1.2.3"}}}, true},
		"search lists":   {&v1alpha1.PodTemplate{DNSConfig: &v1alpha1.DNSConfig{Searches: []string{"svc.example.com"}}}, true},
	} {
		got := args(pod(input(desired.Options{}, func(p *v1alpha1.Proxy) { p.Template = row.template })))
		if strings.Contains(got, "--names-by-route") != row.want {
			t.Errorf("%s: the proxy's arguments are %q, want it told: %v", name, got, row.want)
		}
	}
}

// R13: the template's labels are on every child, those of the operator before them, and
// those of the route on none.
func TestR13LabelsReachEveryChild(t *testing.T) {
	t.Parallel()
	in := input(desired.Options{}, func(p *v1alpha1.Proxy) {
		p.Template = &v1alpha1.PodTemplate{Labels: map[string]string{"team": "shop", v1alpha1.RouteLabel: "another"}}
		p.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: 2, MaxReplicas: 3, TargetCPUUtilizationPercent: 70}
		p.NetworkPolicy = &v1alpha1.ProxyNetworkPolicy{}
	})
	in.Route.Labels = map[string]string{"argocd.argoproj.io/instance": "shop"}
	c := children(in)
	for kind, meta := range map[string]*metav1.ObjectMetaApplyConfiguration{
		"ConfigMap": c.ConfigMap.ObjectMetaApplyConfiguration, "Deployment": c.Deployment.ObjectMetaApplyConfiguration,
		"Service": c.Service.ObjectMetaApplyConfiguration, "PodDisruptionBudget": c.DisruptionBudget.ObjectMetaApplyConfiguration,
		"HorizontalPodAutoscaler": c.Autoscaler.ObjectMetaApplyConfiguration, "NetworkPolicy": c.NetworkPolicy.ObjectMetaApplyConfiguration,
		"Pod": c.Deployment.Spec.Template.ObjectMetaApplyConfiguration,
	} {
		want := map[string]string{
			"team": "shop", "fanout.dev/route": "orders", "app.kubernetes.io/name": "fanout-proxy",
			"app.kubernetes.io/instance": "orders", "app.kubernetes.io/managed-by": "fanout-operator",
		}
		if !maps.Equal(meta.Labels, want) {
			t.Errorf("labels of the %s are %v, want %v", kind, meta.Labels, want)
		}
	}
	selector := map[string]string{"app.kubernetes.io/name": "fanout-proxy", "fanout.dev/route": "orders"}
	if got := c.Deployment.Spec.Selector.MatchLabels; !maps.Equal(got, selector) {
		t.Errorf("the selector, which cannot be changed, is %v, want %v", got, selector)
	}
}
