package e2e

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

func TestCallsGoOnWithoutOperator(t *testing.T) {
	s := newScene(t)
	agents := s.agents("one", "load")
	s.route("orders", []string{"one"})
	s.ready("orders")
	agents[1].load(s.url("orders"), 100, 10, false)
	pods := &corev1.PodList{}
	if err := kube.List(t.Context(), pods, client.InNamespace(system)); err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		if err := kube.Delete(t.Context(), &pods.Items[i], client.GracePeriodSeconds(0)); err != nil {
			t.Fatal(err)
		}
	}
	agents[1].sent(500)
	if err := operatorIsUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	total := agents[1].end()
	s.allGood(total)
	figure(t, "operators killed at 100 calls a second", "%d calls, %d not 200", total.Sent, total.Sent-total.good())
	eventually(t, "the status catches up", func() bool {
		traffic := get(s, "orders", &v1alpha1.FanoutRoute{}).Status.Traffic
		return traffic != nil && traffic.SuccessRate == "100%"
	})
}

func TestCallsGoOnWithoutAPIServer(t *testing.T) {
	onlyOurs(t)
	withoutAPIServer(t, 15*time.Second)
}

func withoutAPIServer(t *testing.T, away time.Duration) {
	t.Helper()
	s := newScene(t)
	agents := s.agents("one", "load")
	s.route("orders", []string{"one"})
	s.ready("orders")
	agents[1].load(s.url("orders"), 100, 10, false)
	t.Cleanup(func() { ours(t, "start", "kube-apiserver") })
	ours(t, "stop", "kube-apiserver")
	time.Sleep(away)
	ours(t, "start", "kube-apiserver")
	eventually(t, "the API server is back", func() bool {
		return kube.Get(t.Context(), s.key("orders"), &v1alpha1.FanoutRoute{}) == nil
	})
	agents[1].sent(100)
	total := agents[1].end()
	s.allGood(total)
	figure(t, "API server stopped for "+away.String()+" at 100 calls a second", "%d calls, %d not 200", total.Sent, total.Sent-total.good())
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "9s" })
	figure(t, "API server back after "+away.String()+" → a changed spec is served", "%.0f s", s.ready("orders").Seconds())
	if err := operatorIsUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Case D5 of the field.
func TestD5RestartOfTheOperatorRollsNothing(t *testing.T) {
	s := newScene(t)
	s.agents("one")
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: "Bearer", Bearer: &v1alpha1.SecretReference{SecretName: "not-there-yet"},
		}
	})
	eventually(t, "the proxies say what they lack", func() bool {
		c := s.condition("orders", "ResolvedRefs")
		return c != nil && c.Reason == "SecretMissing"
	})
	s.route("calm", []string{"one"})
	s.ready("calm")
	eventually(t, "both proxies of it run", func() bool { return get(s, "calm-fanout", &appsv1.Deployment{}).Status.ReadyReplicas == 2 })
	eventually(t, "its status says so, within its budget", func() bool {
		n := get(s, "calm", &v1alpha1.FanoutRoute{}).Status.ReadyReplicas
		return n != nil && *n == 2
	})
	time.Sleep(10 * time.Second) // controllers note what they have seen, and we what proxies say
	calm := standing(s, "calm")
	before := get(s, "orders-fanout", &appsv1.Deployment{})
	withoutOperator(t, func() { // whose lease somebody tidies up, too
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "fanout-operator"}}
		if err := kube.Delete(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
	})
	eventually(t, "the new leader has looked", func() bool {
		edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) { r.Spec.Listener.Port = 8081 })
		return get(s, "orders-fanout", &corev1.Service{}).Spec.Ports[0].Port == 8081
	})
	after := get(s, "orders-fanout", &appsv1.Deployment{})
	if before.Generation != after.Generation {
		t.Errorf("the restart changed the Deployment: generation %d became %d", before.Generation, after.Generation)
	}
	time.Sleep(10 * time.Second) // two polls of the new leader
	if now := standing(s, "calm"); now != calm {
		t.Errorf("L5: the restart wrote to a route that nobody has touched: versions were %v, are %v", calm, now)
	}
}

// standing are the versions of a route and of its children.
func standing(s *scene, name string) (versions [5]string) {
	versions[0] = get(s, name, &v1alpha1.FanoutRoute{}).ResourceVersion
	for i, child := range []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}, &policyv1.PodDisruptionBudget{}} {
		versions[i+1] = get(s, name+"-fanout", child).GetResourceVersion()
	}
	return versions
}

// Case D10 of the field.
func TestD10NamespaceGoesWithTheOperatorAbsent(t *testing.T) {
	s := newScene(t)
	s.agents("one")
	s.secret("partner", map[string]string{"token": "t"})
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{Type: "Bearer", Bearer: &v1alpha1.SecretReference{SecretName: "partner"}}
		r.Spec.Dispatch.Timeout = "1s"
		r.Spec.Validation.BodyTimeout = "1s"
	})
	s.ready("orders")
	withoutOperator(t, func() {
		if err := kube.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "partner"}}); err != nil {
			t.Fatal(err)
		}
		if err := kube.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}); err != nil {
			t.Fatal(err)
		}
		took := eventually(t, "the namespace is gone", func() bool {
			return apierrors.IsNotFound(kube.Get(t.Context(), client.ObjectKey{Name: s.namespace}, &corev1.Namespace{}))
		})
		figure(t, "namespace deleted with the operator absent → gone", "%.1f s", took.Seconds())
	})
}

// leader is the Pod that holds the lease.
func leader(t *testing.T) string {
	t.Helper()
	lease := &coordinationv1.Lease{}
	if err := kube.Get(t.Context(), client.ObjectKey{Namespace: system, Name: "fanout-operator"}, lease); err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	pod, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	return pod
}

// restarts is how often the operator in a Pod was started again.
func (s *scene) restarts(pod string) (n int32) {
	s.t.Helper()
	for _, c := range get(&scene{s.t, system}, pod, &corev1.Pod{}).Status.ContainerStatuses {
		n += c.RestartCount
	}
	return n
}

// A leader that wakes up after its lease has gone to another one writes nothing. Its
// writes are told apart in the audit log by the name of its Pod.
func TestLeaderThatWasStoppedWritesNothing(t *testing.T) {
	onlyOurs(t)
	s := newScene(t)
	s.agents("one")
	s.route("orders", []string{"one"})
	s.ready("orders")
	first := leader(t)
	restarts := s.restarts(first)
	t.Cleanup(func() {
		if t.Failed() {
			ours(t, "resume", system+"/"+first+"/operator")
		}
	})
	ours(t, "pause", system+"/"+first+"/operator")
	took := eventually(t, "another one leads", func() bool { second := leader(t); return second != "" && second != first })
	figure(t, "leader stopped → another one leads", "%.0f s", took.Seconds())
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "9s" })
	s.ready("orders")
	if n := s.restarts(first); n != restarts {
		t.Fatalf("the kubelet has restarted the old leader before it woke up (%d restarts, %d before): the test shows nothing", n, restarts)
	}
	resumed := time.Now()
	ours(t, "resume", system+"/"+first+"/operator")
	time.Sleep(5 * time.Second)
	for _, e := range audited(t, func(e auditEvent) bool {
		return e.pod() == first && e.StageTimestamp.After(resumed) && e.write() && e.ObjectRef.Resource != "leases" && e.ResponseStatus.Code < 300
	}) {
		t.Errorf("the old leader wrote: %s", e)
	}
	if err := operatorIsUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}
