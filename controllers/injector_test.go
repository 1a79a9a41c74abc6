package controllers_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/injector"
)

// injected is a Pod as the injector leaves it, and what it warns of.
func injected(t *testing.T, namespace string, pod *corev1.Pod) (*corev1.Pod, string) {
	t.Helper()
	return injectedBy(t, desired.Options{Image: "fanout:test"}, namespace, pod)
}

func injectedBy(t *testing.T, o desired.Options, namespace string, pod *corev1.Pod) (*corev1.Pod, string) {
	t.Helper()
	raw, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	handler := &injector.Handler{Client: admin, Proxies: o}
	response := handler.Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: namespace, Object: runtime.RawExtension{Raw: raw},
	}})
	if !response.Allowed {
		t.Fatalf("the Pod is refused: %v", response.Result)
	}
	encoded, err := json.Marshal(response.Patches)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Patches) > 0 {
		patch, err := jsonpatch.DecodePatch(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = patch.Apply(raw); err != nil {
			t.Fatal(err)
		}
	}
	out := &corev1.Pod{}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	return out, strings.Join(response.Warnings, "\n")
}

func application(route string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Labels: map[string]string{v1alpha1.RouteLabel: route}},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "migrate", Image: "app"}},
			Containers:     []corev1.Container{{Name: "app", Image: "app"}},
		},
	}
}

func TestInjectorGivesPodsTheirSidecar(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	create(t, newRoute(namespace, "beside", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Mode = v1alpha1.ModeSidecar
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: "Bearer", Bearer: &v1alpha1.SecretReference{SecretName: "partner"},
		}
	}))
	pod, warning := injected(t, namespace, application("beside"))
	if warning != "" {
		t.Errorf("warning %q", warning)
	}
	if len(pod.Spec.InitContainers) != 2 || pod.Spec.InitContainers[1].Name != "migrate" {
		t.Fatalf("init containers are %+v, want the sidecar before the application's", pod.Spec.InitContainers)
	}
	sidecar := pod.Spec.InitContainers[0]
	if sidecar.Name != v1alpha1.SidecarName || *sidecar.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Errorf("the sidecar is %s with restart policy %s", sidecar.Name, *sidecar.RestartPolicy)
	}
	mounted := map[string]bool{}
	for _, m := range sidecar.VolumeMounts {
		mounted[m.MountPath] = true
	}
	if !mounted["/etc/fanout/credentials/"+namespace+"/partner"] || !mounted["/var/run/secrets/kubernetes.io/serviceaccount"] {
		t.Errorf("the sidecar has mounts %v, want its Secret and nothing of the token", mounted)
	}
	// The API server takes it, and a second look changes nothing.
	pod.Namespace = namespace
	if err := admin.Create(t.Context(), pod); err != nil {
		t.Errorf("the Pod is refused: %v", err)
	}
	if again, _ := injected(t, namespace, pod); len(again.Spec.InitContainers) != 2 {
		t.Errorf("a Pod with its sidecar got another one")
	}
}

// Where tokens of the application's service account may be sent is mounted beside them, by the
// account that the Pod has, whatever the route says of its own.
func TestInjectorBindsTokensOfTheApplication(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	create(t, newRoute(namespace, "beside", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Mode, r.Spec.Proxy.Template = v1alpha1.ModeSidecar, nil
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: v1alpha1.AuthenticationWorkloadIdentity, WorkloadIdentity: &v1alpha1.WorkloadIdentity{Audience: "https://one.example.com"},
		}
	}))
	for account, want := range map[string]string{"": "default.fanout-hosts", "till": "till.fanout-hosts"} {
		pod := application("beside")
		pod.Spec.ServiceAccountName = account
		got, warning := injected(t, namespace, pod)
		var names []string
		for _, v := range got.Spec.Volumes {
			if v.Projected == nil {
				continue
			}
			for _, source := range v.Projected.Sources {
				if source.Secret != nil {
					names = append(names, source.Secret.Name)
				}
			}
		}
		if warning != "" || !slices.Equal(names, []string{want}) || !slices.Contains(got.Spec.InitContainers[0].Args, "--token-hosts="+want) {
			t.Errorf("account %q: %q, warning %q, arguments %q", account, names, warning, got.Spec.InitContainers[0].Args)
		}
	}
}

// What would keep the application from starting keeps the sidecar out, and whatever
// goes wrong lets the Pod through: the injector refuses nobody.
func TestInjectorRefusesNobody(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	create(t, newRoute(namespace, "beside", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Mode, r.Spec.Listener.Port = v1alpha1.ModeSidecar, 18080
	}))
	for name, row := range map[string]struct {
		modify  func(*corev1.Pod)
		warning string
	}{
		"the listener's port":  {func(p *corev1.Pod) { p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 18080}} }, "port 18080"},
		"the admin port":       {func(p *corev1.Pod) { p.Spec.InitContainers[0].Ports = []corev1.ContainerPort{{ContainerPort: 9091}} }, "port 9091"},
		"the node's network":   {func(p *corev1.Pod) { p.Spec.HostNetwork = true }, "node's network"},
		"the container's name": {func(p *corev1.Pod) { p.Spec.Containers[0].Name = v1alpha1.SidecarName }, "has the sidecar's name"},
		"a volume's name":      {func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: "fanout-document"}} }, `volume "fanout-document"`},
	} {
		before := application("beside")
		row.modify(before)
		pod, warning := injected(t, namespace, before)
		if hasSidecar(pod) || !strings.Contains(warning, row.warning) {
			t.Errorf("%s: sidecar %v, warning %q", name, hasSidecar(pod), warning)
		}
	}
	for name, handler := range map[string]*injector.Handler{
		"an API server that is away": {Client: broken{}},
		"a defect of ours":           {},
		"another one's namespace":    {Client: broken{}, Namespaces: []string{"elsewhere"}},
	} {
		raw, err := json.Marshal(application("beside"))
		if err != nil {
			t.Fatal(err)
		}
		response := handler.Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Namespace: namespace, Object: runtime.RawExtension{Raw: raw},
		}})
		if !response.Allowed {
			t.Errorf("%s: the Pod is refused: %v", name, response.Result)
		}
	}
}

func hasSidecar(pod *corev1.Pod) bool {
	for _, c := range pod.Spec.InitContainers {
		if c.Name == v1alpha1.SidecarName {
			return true
		}
	}
	return false
}

type broken struct{ client.Reader }

func (broken) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("no route to host")
}

// What is newer in a Pod than our API survives.
func TestInjectorAddsAlone(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	create(t, newRoute(namespace, "beside", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Mode = v1alpha1.ModeSidecar }))
	handler := &injector.Handler{Client: admin, Proxies: desired.Options{Image: "fanout:test"}}
	raw := []byte(`{"metadata":{"labels":{"fanout.dev/route":"beside"}},"spec":{"ofTomorrow":1,"containers":[{"name":"app","ofTomorrow":2}],"volumes":[{"name":"v","ofTomorrow":3}]}}`)
	response := handler.Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: namespace, Object: runtime.RawExtension{Raw: raw},
	}})
	if len(response.Patches) == 0 {
		t.Fatalf("nothing is injected: %v", response.Warnings)
	}
	for _, p := range response.Patches {
		if p.Operation != "add" {
			t.Errorf("the patch has %s %s", p.Operation, p.Path)
		}
	}
}

func TestInjectorLeavesOtherPodsAlone(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	create(t, newRoute(namespace, "apart", "https://one.example.com/"))
	create(t, newRoute(namespace, "broken", "http://one.elsewhere.svc/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Mode = v1alpha1.ModeSidecar
	}))
	for route, warning := range map[string]string{
		"apart": "", "broken": "is not accepted: spec.backends[0].url", "unknown": "there is no FanoutRoute unknown",
	} {
		pod, got := injected(t, namespace, application(route))
		if len(pod.Spec.InitContainers) != 1 || len(pod.Spec.Volumes) != 0 {
			t.Errorf("%s: the Pod was changed", route)
		}
		if !strings.Contains(got, warning) || (warning == "") != (got == "") {
			t.Errorf("%s: warning %q, want %q", route, got, warning)
		}
	}
}

// L8: an operator that leaves a route to another one gives Pods no sidecar of it either: it
// would be of another image than the document is for.
func TestL8InjectorLeavesRoutesOfOthersAlone(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	route := newRoute(namespace, "beside", "https://one.example.com/", func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Mode = v1alpha1.ModeSidecar })
	create(t, route)
	for owner, injects := range map[string]bool{"": true, "elsewhere/fanout-operator": false, "here/fanout-operator": true} {
		route.Status.Operator = owner
		if err := admin.Status().Update(t.Context(), route); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(application("beside"))
		if err != nil {
			t.Fatal(err)
		}
		handler := &injector.Handler{Client: admin, Proxies: desired.Options{Image: "fanout:test", Operator: "here/fanout-operator"}}
		response := handler.Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Namespace: namespace, Object: runtime.RawExtension{Raw: raw},
		}})
		if warns := strings.Contains(strings.Join(response.Warnings, ""), "belongs to the operator of Lease "+owner); !response.Allowed ||
			len(response.Patches) > 0 != injects || warns == injects {
			t.Errorf("owner %q: allowed %v, %d patches, warnings %q", owner, response.Allowed, len(response.Patches), response.Warnings)
		}
	}
}
