package controllers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// rollout says of a Deployment what its controller would, which does not run here.
func rollout(t *testing.T, route *v1alpha1.FanoutRoute, say func(*appsv1.Deployment)) {
	t.Helper()
	testkit.Eventually(t, "the Deployment has a status", func() bool {
		d := get(t, route.Namespace, desired.Name(route), &appsv1.Deployment{})
		d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation}
		say(d)
		return admin.Status().Update(t.Context(), d) == nil
	})
}

func complete(d *appsv1.Deployment) {
	n := *d.Spec.Replicas
	d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = n, n, n, n
	d.Status.Conditions = []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable", LastUpdateTime: metav1.Now(), LastTransitionTime: metav1.Now()}}
}

// eventsWith are the operator's own of a namespace with a reason, or all: the API server
// writes some too, of a Service's address that its repair loop sees before its allocator.
func eventsWith(t *testing.T, namespace, reason string) []eventsv1.Event {
	t.Helper()
	list := &eventsv1.EventList{}
	if err := admin.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool {
		return e.ReportingController != "fanout-operator" || reason != "" && e.Reason != reason
	})
}

// podOf makes a Pod of the route's Deployment, as far as it has come.
func podOf(t *testing.T, route *v1alpha1.FanoutRoute, name string, status corev1.PodStatus) *corev1.Pod {
	t.Helper()
	d := get(t, route.Namespace, desired.Name(route), &appsv1.Deployment{})
	pod := &corev1.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: d.Spec.Template.Spec}
	pod.Namespace, pod.Name = route.Namespace, name
	create(t, pod)
	pod.Status = status
	if err := admin.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// Q4: a namespace whose quota is used up says so in the route, within 10 s.
func TestQ4UsedUpQuotaShows(t *testing.T) {
	t.Parallel()
	route, _ := serving(t, "https://one.example.com/")
	rollout(t, route, func(d *appsv1.Deployment) {
		d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate",
			Message: `pods "orders-fanout-5f6d8-x7k2p" is forbidden: exceeded quota: none`, LastUpdateTime: metav1.Now(), LastTransitionTime: metav1.Now()}}
	})
	c := becomes(t, keyOf(route), "Programmed", metav1.ConditionFalse, "ReplicaFailure")
	if want := `No proxy is ready; Pods are refused: pods "orders-fanout-…" is forbidden: exceeded quota: none`; c.Message != want {
		t.Errorf("message is %q, want %q", c.Message, want)
	}
	becomes(t, keyOf(route), "Ready", metav1.ConditionFalse, "ReplicaFailure")
	if c := condition(t, keyOf(route), "Stalled"); c.Status != metav1.ConditionFalse {
		t.Errorf("Stalled is %s/%s: a quota may be raised", c.Status, c.Reason)
	}
	testkit.Eventually(t, "there is an event", func() bool {
		list := eventsWith(t, route.Namespace, "ReplicaFailure")
		return len(list) == 1 && list[0].Type == corev1.EventTypeWarning
	})
}

// R2: a route whose rollout cannot end is in progress though proxies serve it, and says why.
func TestR2RolloutThatCannotEndIsInProgress(t *testing.T) {
	t.Parallel()
	route, o := serving(t, testkit.NewBackend(t, nil).URL)
	startPod(t, route).sync()
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	rollout(t, route, func(d *appsv1.Deployment) {
		d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = 2, 2, 1, 1
	})
	podOf(t, route, "pending", corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available: 1 node(s) didn't match"}}})
	testkit.Eventually(t, "Programmed tells of the Pod that finds no node", func() bool {
		return strings.Contains(condition(t, keyOf(route), "Programmed").Message, "Unschedulable: 0/1 nodes are available")
	})
	if c := condition(t, keyOf(route), "Reconciling"); c.Status != metav1.ConditionTrue {
		t.Errorf("Reconciling is %s/%s before the rollout is complete", c.Status, c.Reason)
	}
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	rollout(t, route, complete)
	becomes(t, keyOf(route), "Reconciling", metav1.ConditionFalse, "Reconciled")
	rollout(t, route, func(d *appsv1.Deployment) { complete(d); d.Status.AvailableReplicas = 1 })
	o.settle(t)
	if c := condition(t, keyOf(route), "Reconciling"); c.Status != metav1.ConditionFalse {
		t.Errorf("Reconciling is %s/%s after a Pod was lost", c.Status, c.Reason)
	}
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Template = &v1alpha1.PodTemplate{NodeSelector: map[string]string{"no": "node"}}
	})
	becomes(t, keyOf(route), "Reconciling", metav1.ConditionTrue, "Reconciling")
	waitFor(time.Second)
	if c := condition(t, keyOf(route), "Reconciling"); c.Status != metav1.ConditionTrue || c.ObservedGeneration != 2 {
		t.Errorf("Reconciling is %s/%s before the Deployment's controller has seen the edit", c.Status, c.Reason)
	}
}

// R3: a route without proxies that asks for none is settled.
func TestR3NoReplicasAreSettled(t *testing.T) {
	t.Parallel()
	route, _ := serving(t, "https://one.example.com/", func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Replicas = new(int32(0)) })
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "NoProxies")
	becomes(t, keyOf(route), "Reconciling", metav1.ConditionFalse, "Reconciled")
	edit(t, keyOf(route), func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Replicas = new(int32(1)) })
	c := becomes(t, keyOf(route), "Ready", metav1.ConditionFalse, "Pending")
	if c.Message != "No proxy is ready" {
		t.Errorf("Ready says %q", c.Message)
	}
	for _, e := range eventsWith(t, route.Namespace, "") {
		if e.Type == corev1.EventTypeWarning {
			t.Errorf("a warning that is none: %s: %s", e.Reason, e.Note)
		}
	}
}

// A new route that serves is told by one event: that nothing is known of its proxies at first was no fault.
func TestANewRouteIsOneEvent(t *testing.T) {
	t.Parallel()
	route, o := serving(t, testkit.NewBackend(t, nil).URL)
	startPod(t, route).sync()
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs")
	testkit.Eventually(t, "Ready is an event", func() bool { return len(eventsWith(t, route.Namespace, "Ready")) == 1 })
	o.settle(t)
	for _, e := range eventsWith(t, route.Namespace, "") {
		if e.Reason != "Ready" {
			t.Errorf("a new route made the event %s: %s", e.Reason, e.Note)
		}
	}
}

// R8: an ordinary edit is no failure. Ready keeps its status and its generation until the
// edit is served, and gives them up after 10 s.
func TestR8EditIsNoFailure(t *testing.T) {
	t.Parallel()
	route, o := serving(t, testkit.NewBackend(t, nil).URL)
	key := keyOf(route)
	pod := startPod(t, route)
	pod.sync()
	becomes(t, key, "Ready", metav1.ConditionTrue, "Ready")
	rollout(t, route, complete)
	becomes(t, key, "Reconciling", metav1.ConditionFalse, "Reconciled")
	edit(t, key, func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "4s" })
	becomes(t, key, "Reconciling", metav1.ConditionTrue, "Reconciling")
	waitFor(2 * time.Second)
	r := get(t, key.Namespace, key.Name, &v1alpha1.FanoutRoute{})
	if r.Status.ObservedGeneration != 1 {
		t.Errorf("the status speaks of generation %d before it is served", r.Status.ObservedGeneration)
	}
	for kind, want := range map[string]int64{"Ready": 1, "Programmed": 1, "Reconciling": 2, "Accepted": 2} {
		if c := condition(t, key, kind); c.Status != metav1.ConditionTrue || c.ObservedGeneration != want {
			t.Errorf("%s is %s/%s of generation %d while the edit is not served, want True of %d", kind, c.Status, c.Reason, c.ObservedGeneration, want)
		}
	}
	pod.sync()
	testkit.Eventually(t, "the edit is told as served", func() bool {
		return get(t, key.Namespace, key.Name, &v1alpha1.FanoutRoute{}).Status.ObservedGeneration == 2
	})
	if c := condition(t, key, "Ready"); c.Status != metav1.ConditionTrue || c.ObservedGeneration != 2 {
		t.Errorf("Ready is %s of generation %d once the edit is served", c.Status, c.ObservedGeneration)
	}
	testkit.Eventually(t, "the edit is an event", func() bool { return len(eventsWith(t, key.Namespace, "Programmed")) == 1 })
	for _, e := range eventsWith(t, key.Namespace, "") {
		if e.Type != corev1.EventTypeNormal {
			t.Errorf("an edit made the event %s %s: %s", e.Type, e.Reason, e.Note)
		}
	}
	edit(t, key, func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "3s" })
	waitFor(6 * time.Second)
	edit(t, key, func(r *v1alpha1.FanoutRoute) { r.Spec.Dispatch.Timeout = "2s" }) // begins no other 10 s
	c := becomes(t, key, "Ready", metav1.ConditionFalse, "Pending")
	if r := get(t, key.Namespace, key.Name, &v1alpha1.FanoutRoute{}); c.ObservedGeneration != 4 || r.Status.ObservedGeneration != 2 {
		t.Errorf("after 10 s Ready speaks of generation %d, the status of %d, want 4 and 2", c.ObservedGeneration, r.Status.ObservedGeneration)
	}
	o.stop()
}

// R9: the memory limit of a route that cannot hold its own bounds is told by Accepted.
func TestR9SmallLimitsAreAccepted(t *testing.T) {
	t.Parallel()
	route, _ := serving(t, "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16Mi")}
	})
	c := becomes(t, keyOf(route), "Accepted", metav1.ConditionTrue, "MemoryLimitTooSmall")
	if !strings.Contains(c.Message, "spec.proxy.resources.limits.memory is 16Mi") || !strings.Contains(c.Message, "anyone may call") {
		t.Errorf("message is %q", c.Message)
	}
}
