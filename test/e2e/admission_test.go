package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// sccLabel marks namespaces in which OpenShift's restricted-v2 rules are in force.
const sccLabel = "fanout.dev/e2e-scc"

// withRestrictedV2 puts the rules into the cluster, and waits until they refuse a Pod with
// a user of its own in that namespace.
func withRestrictedV2(t *testing.T, namespace string) {
	t.Helper()
	list, err := objects(filepath.Join("testdata", "restricted-v2.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		err := kube.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u.DeepCopy()), client.FieldOwner("e2e"), client.ForceOwnership)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := kube.Delete(context.WithoutCancel(t.Context()), u); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "the rules are in force", func() bool {
		pod := agentPod("probe")
		pod.Namespace, pod.Spec.SecurityContext = namespace, &corev1.PodSecurityContext{RunAsUser: new(int64(65532))}
		err := kube.Create(t.Context(), pod, client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "runAsUser: must be in the range")
	})
}

// refused are the events that tell of Pods which were refused.
func refused(t *testing.T, namespace string) (messages []string) {
	t.Helper()
	list := &corev1.EventList{}
	if err := steady(func() error { return kube.List(t.Context(), list, client.InNamespace(namespace)) }); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if list.Items[i].Reason == "FailedCreate" {
			messages = append(messages, list.Items[i].Message)
		}
	}
	return messages
}

// Q2: OpenShift's restricted-v2 rules refuse nothing of ours, operator, proxies and sidecars,
// where the chart leaves the user out, and whichever user it is reads the Secrets.
func TestQ2HelmOnOpenShift(t *testing.T) {
	chart := helmReady(t, sccLabel, "restricted-v2")
	withRestrictedV2(t, system)
	helm(t, "install", "fanout", chart, "--set", "omitUser=true,sidecar.enabled=true", "--wait", "--timeout", "2m")
	waitForInjector(t)
	s := sidecarScene(t, sccLabel, "restricted-v2")
	withRestrictedV2(t, s.namespace)
	s.route("own", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "partner", Key: "key", Header: "X-API-Key"},
		}
		r.Spec.Proxy.Template = &v1alpha1.PodTemplate{
			ServiceAccountName: "default", ImagePullSecrets: []v1alpha1.ImagePullSecret{{Name: "not-there"}},
		}
	})
	s.ready("own")
	app := s.application("app")
	for _, url := range []string{local, s.url("own")} {
		app.load(url, 20, 2, true)
		app.sent(20)
		s.allGood(app.end())
	}
	for _, namespace := range []string{system, s.namespace} {
		for _, message := range refused(t, namespace) {
			t.Errorf("a Pod of %s was refused: %s", namespace, message)
		}
	}
	helm(t, "uninstall", "fanout", "--wait")
	deleteCRD(t)
}

// Q3: a host that the route's template maps to an address is found there.
func TestQ3HostAliases(t *testing.T) {
	s := newScene(t)
	agents := s.agents("one", "load")
	ip := get(s, "one", &corev1.Pod{}).Status.PodIP
	s.route("orders", nil, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends = []v1alpha1.Backend{{Name: "one", URL: "http://api.alias.example.com:8080/"}}
		r.Spec.Proxy.Template = &v1alpha1.PodTemplate{HostAliases: []v1alpha1.HostAlias{{IP: ip, Hostnames: []string{"api.alias.example.com"}}}}
	})
	s.ready("orders")
	agents[1].load(s.url("orders"), 20, 2, true)
	agents[1].sent(20)
	s.allGood(agents[1].end())
}

// Q4: a namespace whose quota is used up says so in the route within 10 s, and the route
// heals by itself when there is room.
func TestQ4QuotaSaysSoInTheRoute(t *testing.T) {
	s := newScene(t)
	s.agents("one")
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "full"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}},
	}
	s.create(quota)
	eventually(t, "the quota is used up", func() bool {
		used := get(s, "full", &corev1.ResourceQuota{}).Status.Used[corev1.ResourcePods]
		return used.Value() == 1
	})
	start := time.Now()
	s.route("orders", []string{"one"})
	eventually(t, "the route says that the quota is exceeded", func() bool {
		c := s.condition("orders", "Programmed")
		return c != nil && c.Status == metav1.ConditionFalse && strings.Contains(c.Message, "exceeded quota: full")
	})
	took := time.Since(start)
	figure(t, "route in a namespace whose quota is used up → Programmed says so", "%.1f s", took.Seconds())
	if took > 10*time.Second {
		t.Errorf("it took %v, want 10 s at most", took)
	}
	if c := s.condition("orders", "Stalled"); c.Status == metav1.ConditionTrue {
		t.Errorf("a quota stalls the route: %s", c.Message)
	}
	edit(s, "full", &corev1.ResourceQuota{}, func(q *corev1.ResourceQuota) { q.Spec.Hard[corev1.ResourcePods] = resource.MustParse("10") })
	figure(t, "quota raised → Ready", "%.0f s", s.ready("orders").Seconds())
}
