package controllers_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// restricted is a namespace in which OpenShift's restricted-v2 rules are in force.
func restricted(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testkit.Root(), "test", "e2e", "testdata", "restricted-v2.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(raw), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			t.Fatal(err)
		}
		create(t, u)
	}
	namespace := newNamespace(t)
	n := &corev1.Namespace{}
	if err := admin.Get(t.Context(), client.ObjectKey{Name: namespace}, n); err != nil {
		t.Fatal(err)
	}
	n.Labels["fanout.dev/e2e-scc"] = "restricted-v2"
	if err := admin.Update(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return namespace
}

// Q2: restricted-v2 takes proxies and sidecars where the user is left out, and refuses them
// otherwise.
func TestQ2RestrictedV2TakesOurPods(t *testing.T) {
	t.Parallel()
	namespace := restricted(t)
	withKey := func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{Type: "Bearer", Bearer: &v1alpha1.SecretReference{SecretName: "partner"}}
	}
	own := newRoute(namespace, "own", "https://one.example.com/", withKey)
	create(t, own)
	create(t, newRoute(namespace, "beside", "https://one.example.com/", withKey, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Mode = v1alpha1.ModeSidecar
	}))
	proxy := func(o desired.Options) error {
		compiled, errs := compile.Route(own, compile.Options{ListenPort: desired.CallsPort})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		children, err := desired.Build(desired.Input{Route: own, Compiled: compiled, Options: o})
		if err != nil {
			t.Fatal(err)
		}
		d := &appsv1.Deployment{}
		encoded, err := yaml.Marshal(children.Deployment)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(encoded, d); err != nil {
			t.Fatal(err)
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "own", Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
		return admin.Create(t.Context(), pod, client.DryRunAll)
	}
	sidecar := func(o desired.Options) error {
		before := application("beside")
		for _, list := range [][]corev1.Container{before.Spec.InitContainers, before.Spec.Containers} {
			for i := range list {
				list[i].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
			}
		}
		pod, warning := injectedBy(t, o, namespace, before)
		if !hasSidecar(pod) {
			t.Fatalf("the Pod has no sidecar: %s", warning)
		}
		pod.Namespace = namespace
		return admin.Create(t.Context(), pod, client.DryRunAll)
	}
	for name, create := range map[string]func(desired.Options) error{"proxy": proxy, "sidecar": sidecar} {
		testkit.Eventually(t, "a "+name+" with a user of its own is refused", func() bool {
			err := create(desired.Options{Image: "fanout:test"})
			return err != nil && strings.Contains(err.Error(), "runAsUser")
		})
		if err := create(desired.Options{Image: "fanout:test", OmitUser: true}); err != nil {
			t.Errorf("the %s is refused: %v", name, err)
		}
	}
}

// Q2: a sidecar that says nothing of its user in a Pod that runs as root would keep the
// whole Pod from starting.
func TestQ2SidecarBesideRoot(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	create(t, newRoute(namespace, "beside", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Mode = v1alpha1.ModeSidecar }))
	for user, want := range map[int64]bool{0: true, 1000680000: false} {
		before := application("beside")
		before.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user}
		pod, _ := injectedBy(t, desired.Options{Image: "fanout:test", OmitUser: true}, namespace, before)
		if has := pod.Spec.InitContainers[0].SecurityContext.RunAsUser != nil; has != want {
			t.Errorf("in a Pod of user %d the sidecar names its own: %v, want %v", user, has, want)
		}
	}
}

// Q3: nodes can pull the sidecar's image, whatever Secrets the application has.
func TestQ3SidecarBringsItsPullSecrets(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	create(t, newRoute(namespace, "beside", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Mode = v1alpha1.ModeSidecar }))
	for name, row := range map[string]struct{ has, want []string }{
		"none":   {nil, []string{"registry", "mirror"}},
		"others": {[]string{"app"}, []string{"app", "registry", "mirror"}},
		"one":    {[]string{"mirror"}, []string{"mirror", "registry"}},
		"both":   {[]string{"registry", "mirror"}, []string{"registry", "mirror"}},
	} {
		before := application("beside")
		for _, secret := range row.has {
			before.Spec.ImagePullSecrets = append(before.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
		}
		o := desired.Options{Image: "fanout:test", ImagePullSecrets: []string{"registry", "mirror", "registry"}}
		pod, _ := injectedBy(t, o, namespace, before)
		var got []string
		for _, secret := range pod.Spec.ImagePullSecrets {
			got = append(got, secret.Name)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("with %s before, the Pod has the Secrets %q, want %q", name, got, row.want)
		}
	}
}

// Q3: the API server takes every field of the template, and what a route does not say any
// more is gone from its Deployment.
func TestQ3TemplateComesAndGoes(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "orders", "https://one.example.com/")
	create(t, route)
	apply := func(template *v1alpha1.PodTemplate) *corev1.PodSpec {
		route.Spec.Proxy.Template = template
		compiled, errs := compile.Route(route, compile.Options{ListenPort: desired.CallsPort})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		children, err := desired.Build(desired.Input{Route: route, Compiled: compiled, Options: desired.Options{Image: "fanout:test"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := admin.Apply(t.Context(), children.Deployment, client.FieldOwner("fanout-operator"), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
		d := &appsv1.Deployment{}
		if err := admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "orders-fanout"}, d); err != nil {
			t.Fatal(err)
		}
		return &d.Spec.Template.Spec
	}
	with := apply(&v1alpha1.PodTemplate{
		ServiceAccountName: "orders", RuntimeClassName: "gvisor", DNSPolicy: "None",
		ImagePullSecrets: []v1alpha1.ImagePullSecret{{Name: "registry"}},
		HostAliases:      []v1alpha1.HostAlias{{IP: "10.1.2.3", Hostnames: []string{"api.example.com"}}},
		DNSConfig: &v1alpha1.DNSConfig{
			Nameservers: []string{"10.96.0.10"}, Searches: []string{"svc.cluster.local"}, Options: []v1alpha1.DNSOption{{Name: "timeout", Value: "2"}},
		},
	})
	if with.ServiceAccountName != "orders" || *with.RuntimeClassName != "gvisor" || with.DNSPolicy != "None" ||
		len(with.ImagePullSecrets) != 1 || len(with.HostAliases) != 1 || len(with.DNSConfig.Nameservers) != 1 || len(with.DNSConfig.Options) != 1 {
		t.Errorf("the Pods have %+v", with)
	}
	without := apply(nil)
	if without.ServiceAccountName != "" || without.DeprecatedServiceAccount != "" || without.RuntimeClassName != nil || without.DNSPolicy != "ClusterFirst" ||
		without.ImagePullSecrets != nil || without.HostAliases != nil || without.DNSConfig != nil {
		t.Errorf("the Pods still have %+v", without)
	}
}
