package desired_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// typed is what the API server makes of an apply configuration, but for its defaults.
func typed[T any](t *testing.T, from any) *T {
	t.Helper()
	encoded, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	to := new(T)
	if err := json.Unmarshal(encoded, to); err != nil {
		t.Fatal(err)
	}
	return to
}

func deployment(t *testing.T, in desired.Input) *appsv1.Deployment {
	t.Helper()
	return typed[appsv1.Deployment](t, children(in).Deployment)
}

func withTemplate(extra v1alpha1.PodTemplate) func(*v1alpha1.Proxy) {
	return func(p *v1alpha1.Proxy) { p.Template = &extra }
}

// What a route says of its Pods' place reaches them, value by value.
func TestPlacementIsTheRoutes(t *testing.T) {
	t.Parallel()
	extra := v1alpha1.PodTemplate{
		NodeSelector: map[string]string{"disk": "ssd"}, PriorityClassName: "high",
		Annotations: map[string]string{"example.com/note": "x"},
		Affinity: &corev1.Affinity{
			NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: "zone", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"a", "b"}}}}}}},
			PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
				{Weight: 7, PodAffinityTerm: corev1.PodAffinityTerm{
					TopologyKey: "kubernetes.io/hostname", Namespaces: []string{"shop"},
					LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}}}}},
		},
		Tolerations: []corev1.Toleration{
			{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "edge", Effect: corev1.TaintEffectNoSchedule},
			{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64(30))},
		},
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
			MaxSkew: 3, TopologyKey: "topology.kubernetes.io/zone", WhenUnsatisfiable: corev1.DoNotSchedule, MinDomains: new(int32(2)),
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
		}},
	}
	template := deployment(t, input(desired.Options{}, withTemplate(extra))).Spec.Template
	got := template.Spec
	for name, pair := range map[string][2]any{
		"affinity":                    {got.Affinity, extra.Affinity},
		"tolerations":                 {got.Tolerations, extra.Tolerations},
		"node selector":               {got.NodeSelector, extra.NodeSelector},
		"priority class":              {got.PriorityClassName, extra.PriorityClassName},
		"topology spread constraints": {got.TopologySpreadConstraints, extra.TopologySpreadConstraints},
		"annotations":                 {template.Annotations, extra.Annotations},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("the Pods' %s:\n%s\nwant\n%s", name, text(t, pair[0]), text(t, pair[1]))
		}
	}
}

// Without constraints of the route's own, proxies of one version prefer nodes of their own.
func TestProxiesSpreadOverNodes(t *testing.T) {
	t.Parallel()
	got := deployment(t, input(desired.Options{})).Spec.Template.Spec.TopologySpreadConstraints
	want := []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: "kubernetes.io/hostname", WhenUnsatisfiable: corev1.ScheduleAnyway, MatchLabelKeys: []string{"pod-template-hash"},
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "fanout-proxy", "fanout.dev/route": "orders"}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("constraints are\n%s\nwant\n%s", text(t, got), text(t, want))
	}
}

// beside is the sidecar and what it mounts.
func beside(in desired.Input) (corev1.Container, []corev1.Volume) {
	container, volumes, err := desired.Sidecar(in)
	if err != nil {
		panic(err)
	}
	return container, volumes
}

// A proxy's container, in either mode, may do nothing that Pod Security's restricted
// refuses, and has no token of the API server.
func TestProxiesAreRestricted(t *testing.T) {
	t.Parallel()
	in := input(desired.Options{})
	pod := deployment(t, in).Spec.Template.Spec
	sidecar, volumes := beside(in)
	for mode, c := range map[string]corev1.Container{"Deployment": pod.Containers[0], "Sidecar": sidecar} {
		s := c.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
			s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 || s.Privileged != nil {
			t.Errorf("%s: the container's security context is\n%s", mode, text(t, s))
		}
		if len(c.Ports) == 0 || slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 }) {
			t.Errorf("%s: ports are %+v", mode, c.Ports)
		}
		for _, m := range c.VolumeMounts {
			if !m.ReadOnly {
				t.Errorf("%s: %s can be written to", mode, m.MountPath)
			}
		}
	}
	if s := pod.SecurityContext; s.RunAsNonRoot == nil || !*s.RunAsNonRoot || *s.RunAsUser == 0 || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the Pod's security context is\n%s", text(t, s))
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
		t.Errorf("a token is mounted: %v; links to Services are set: %v", pod.AutomountServiceAccountToken, pod.EnableServiceLinks)
	}
	if s := sidecar.SecurityContext; *s.RunAsUser == 0 || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the sidecar's security context is\n%s", text(t, s))
	}
	// The application's token is hidden by an empty folder of the sidecar's own.
	hidden := slices.IndexFunc(sidecar.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == "/var/run/secrets/kubernetes.io/serviceaccount" })
	if hidden < 0 || !slices.ContainsFunc(volumes, func(v corev1.Volume) bool { return v.Name == sidecar.VolumeMounts[hidden].Name && v.EmptyDir != nil }) {
		t.Errorf("the application's token is in the sidecar: %+v", sidecar.VolumeMounts)
	}
}

// A proxy is ill when /livez fails, and takes calls while /readyz holds. It is a sidecar's
// application that takes calls, whose readiness is its own business.
func TestProbes(t *testing.T) {
	t.Parallel()
	in := input(desired.Options{})
	c := deployment(t, in).Spec.Template.Spec.Containers[0]
	sidecar, _ := beside(in)
	for name, row := range map[string]struct {
		probe    *corev1.Probe
		path     string
		failures int32
	}{
		"startup": {c.StartupProbe, "/livez", 30}, "liveness": {c.LivenessProbe, "/livez", 3}, "readiness": {c.ReadinessProbe, "/readyz", 1},
		"sidecar's startup": {sidecar.StartupProbe, "/livez", 30}, "sidecar's liveness": {sidecar.LivenessProbe, "/livez", 3},
	} {
		p := row.probe
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Path != row.path || p.HTTPGet.Port.StrVal != "admin" || p.FailureThreshold != row.failures || p.TimeoutSeconds != 2 {
			t.Errorf("the %s probe is\n%s", name, text(t, p))
		}
	}
	if sidecar.ReadinessProbe != nil {
		t.Errorf("the application is ready when its sidecar is: %+v", sidecar.ReadinessProbe)
	}
	if !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == "admin" && p.ContainerPort == desired.AdminPort }) {
		t.Errorf("the port that probes ask is not among %+v", c.Ports)
	}
}

// A sidecar starts before the application and ends after it, listens on loopback alone, and
// takes no name that the Pod may use.
func TestSidecarsStayOutOfTheirPodsWay(t *testing.T) {
	t.Parallel()
	sidecar, volumes := beside(input(desired.Options{Image: "example.com/fanout:1", Args: []string{"--deny-cidr=10.0.0.0/8"}}))
	if sidecar.RestartPolicy == nil || *sidecar.RestartPolicy != corev1.ContainerRestartPolicyAlways || sidecar.Image != "example.com/fanout:1" {
		t.Errorf("restart policy %v, image %s", sidecar.RestartPolicy, sidecar.Image)
	}
	for _, arg := range []string{"--address=127.0.0.1", "--allow-loopback", "--drain-delay=0s", "--require-mounts", "--deny-cidr=10.0.0.0/8"} {
		if !slices.Contains(sidecar.Args, arg) {
			t.Errorf("the arguments lack %s: %q", arg, sidecar.Args)
		}
	}
	names := map[string]bool{}
	for _, v := range volumes {
		names[v.Name] = true
		if !strings.HasPrefix(v.Name, "fanout-") {
			t.Errorf("the volume %s has a name that is the application's to choose", v.Name)
		}
		if v.ConfigMap != nil && (v.ConfigMap.Optional == nil || !*v.ConfigMap.Optional) {
			t.Error("a Pod does not start without its document")
		}
	}
	for _, m := range sidecar.VolumeMounts {
		if !names[m.Name] {
			t.Errorf("%s is mounted and no volume", m.Name)
		}
	}
	if slices.Contains(pod(input(desired.Options{})).Containers[0].Args, "--allow-loopback") {
		t.Error("a proxy of its own may dial loopback")
	}
}

// A missing Secret keeps no proxy from starting; names of any length make names of volumes.
func TestSecretsAreMountedAsOptional(t *testing.T) {
	t.Parallel()
	in := input(desired.Options{})
	in.Compiled.Backends[0].TLS = &routeconfig.TLS{CASecret: strings.Repeat("a", 253), ClientCertificateSecret: strings.Repeat("a", 252) + "b"}
	spec := deployment(t, in).Spec.Template.Spec
	names := map[string]string{}
	for _, v := range spec.Volumes {
		if v.Projected == nil {
			continue
		}
		secret := v.Projected.Sources[0].Secret
		if secret.Optional == nil || !*secret.Optional {
			t.Errorf("the Secret %.20s must be there", secret.Name)
		}
		if names[v.Name] != "" || len(v.Name) > 63 {
			t.Errorf("the volume %s is that of two Secrets, or its name is too long", v.Name)
		}
		names[v.Name] = secret.Name
	}
	secrets := in.Compiled.Secrets()
	if len(secrets) != 3 {
		t.Fatalf("the route reads %d Secrets", len(secrets))
	}
	for _, secret := range secrets {
		want := "/etc/fanout/credentials/shop/" + secret
		if !slices.ContainsFunc(spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return names[m.Name] == secret && m.MountPath == want }) {
			t.Errorf("the Secret %.20s is not mounted where the proxy looks for it", secret)
		}
	}
}

// Resources are the route's; of a memory limit the Go runtime gets nine tenths. Where there
// are none, nothing is sent: the API server would drop it, and it would differ for ever.
func TestResources(t *testing.T) {
	t.Parallel()
	limits := corev1.ResourceList{"memory": resource.MustParse("100Mi"), "cpu": resource.MustParse("2")}
	requests := corev1.ResourceList{"cpu": resource.MustParse("100m")}
	for name, row := range map[string]struct {
		resources corev1.ResourceRequirements
		limit     string
	}{
		"none":         {},
		"a limit":      {corev1.ResourceRequirements{Limits: limits}, "94371840"},
		"requests":     {corev1.ResourceRequirements{Requests: requests}, ""},
		"both of them": {corev1.ResourceRequirements{Limits: limits, Requests: requests}, "94371840"},
	} {
		in := input(desired.Options{}, func(p *v1alpha1.Proxy) { p.Resources = row.resources })
		sent := children(in).Deployment.Spec.Template.Spec.Containers[0].Resources
		if none := len(row.resources.Limits)+len(row.resources.Requests) == 0; none != (sent == nil) {
			t.Errorf("%s: resources are %v", name, sent)
		}
		c := deployment(t, in).Spec.Template.Spec.Containers[0]
		if !equal(c.Resources.Limits, row.resources.Limits) || !equal(c.Resources.Requests, row.resources.Requests) {
			t.Errorf("%s: resources are\n%s", name, text(t, c.Resources))
		}
		got := ""
		for _, e := range c.Env {
			if e.Name == "GOMEMLIMIT" {
				got = e.Value
			}
		}
		if got != row.limit {
			t.Errorf("%s: GOMEMLIMIT is %q, want %q", name, got, row.limit)
		}
	}
}

func equal(a, b corev1.ResourceList) bool {
	for name, quantity := range a {
		if other, ok := b[name]; !ok || quantity.Cmp(other) != 0 {
			return false
		}
	}
	return len(a) == len(b)
}

// A ConfigMap is mounted like a Secret, beside one of its name.
func TestConfigMapsAreMountedAsOptional(t *testing.T) {
	t.Parallel()
	in := input(desired.Options{})
	name := strings.Repeat("a", 253)
	in.Compiled.Backends[0].TLS = &routeconfig.TLS{CASecret: name}
	in.Compiled.Validation.JSONSchema = &routeconfig.JSONSchema{ConfigMap: &routeconfig.ConfigMapKey{Name: name, Key: "k"}}
	spec := deployment(t, in).Spec.Template.Spec
	at := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Projected != nil && v.Projected.Sources[0].ConfigMap != nil })
	if at < 0 {
		t.Fatal("no ConfigMap is mounted")
	}
	volume, source := spec.Volumes[at], spec.Volumes[at].Projected.Sources[0].ConfigMap
	if source.Name != name || source.Optional == nil || !*source.Optional || len(volume.Name) > 63 {
		t.Errorf("the volume is %+v", volume)
	}
	want := corev1.VolumeMount{Name: volume.Name, MountPath: "/etc/fanout/credentials/shop/_" + name, ReadOnly: true}
	if !slices.ContainsFunc(spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return reflect.DeepEqual(m, want) }) {
		t.Error("the ConfigMap is not mounted where the proxy looks for it")
	}
}
