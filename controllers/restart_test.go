package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// fleet answers for proxies that are there in name alone, by the address of their Pod.
type fleet struct {
	mu    sync.Mutex
	says  map[string]stats.Report
	asked map[string]int
	shut  chan struct{} // nobody is answered before it is closed
}

func newFleet() *fleet {
	f := &fleet{says: map[string]stats.Report{}, asked: map[string]int{}, shut: make(chan struct{})}
	close(f.shut)
	return f
}

// Fetch implements rates.Fetcher.
func (f *fleet) Fetch(ctx context.Context, raw string, _ stats.Bounds) (*stats.Report, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	shut := f.shut
	f.mu.Unlock()
	select {
	case <-shut:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	report, ok := f.says[u.Hostname()]
	if !ok {
		return nil, errors.New("connection refused")
	}
	f.asked[u.Hostname()]++
	return &report, nil
}

// calls is what a proxy says that has had some; more of them change no figure by much.
func calls(route *v1alpha1.FanoutRoute, document string, n uint64) stats.Report {
	h := stats.Histogram{Counts: stats.Counts{{Bucket: -100, N: n}}}
	return stats.Report{Document: document, Ready: true, Routes: []stats.RouteReport{{
		Namespace: route.Namespace, Name: route.Name,
		Windows:  stats.Windowed(stats.Window5m, stats.CallsWindow{Seconds: 100, Calls: stats.Calls{Complete: n}, Duration: h}),
		Backends: []stats.BackendReport{{Name: "one", Windows: stats.Windows[stats.AnswersWindow]{OneMinute: &stats.AnswersWindow{Seconds: 60, Answers: stats.Answers{Succeeded: n}, Duration: h}, FiveMinutes: &stats.AnswersWindow{Seconds: 100, Answers: stats.Answers{Succeeded: n}, Duration: h}}}},
	}}}
}

// ofEveryKind makes the i-th route differ from its neighbours, so that among six each
// kind of child is there.
func ofEveryKind(i int) func(*v1alpha1.FanoutRoute) {
	return func(r *v1alpha1.FanoutRoute) {
		switch i % 6 {
		case 0:
			r.Spec.Proxy.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 5}
		case 1:
			r.Spec.Proxy.NetworkPolicy = &v1alpha1.ProxyNetworkPolicy{From: []networkingv1.NetworkPolicyPeer{
				{PodSelector: &metav1.LabelSelector{}}, {NamespaceSelector: &metav1.LabelSelector{}, PodSelector: &metav1.LabelSelector{}},
				{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16"}}}},
				MetricsFrom: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}}
		case 2:
			r.Spec.Proxy.Mode = v1alpha1.ModeSidecar
		case 3:
			r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
				Type: "Bearer", Bearer: &v1alpha1.SecretReference{SecretName: "partner"}}
			r.Spec.Backends[0].When = "request.method == 'POST'"
		case 4:
			r.Spec.Proxy.Service.Annotations = map[string]string{"example.com/team": "orders"}
			r.Spec.Proxy.Template = &v1alpha1.PodTemplate{Tolerations: []corev1.Toleration{{Key: "spot", Operator: corev1.TolerationOpExists}},
				Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
					NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
						Key: "zone", Operator: corev1.NodeSelectorOpExists}}}}}},
					PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
						Weight: 1, PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{},
							NamespaceSelector: &metav1.LabelSelector{}}}}}},
				NodeSelector: map[string]string{"disk": "ssd"}, PriorityClassName: "system-cluster-critical",
				Labels: map[string]string{"team": "orders"}, Annotations: map[string]string{"a": ""},
				TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule,
					LabelSelector: &metav1.LabelSelector{}}}}
			r.Spec.Proxy.Service.Type = "LoadBalancer"
			r.Spec.Proxy.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("1000m"), "memory": resource.MustParse("0.5Gi")}
			r.Spec.Proxy.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("2500m"), "memory": resource.MustParse("1048576Ki")}
		case 5:
			r.Spec.Proxy.Resources.Limits = corev1.ResourceList{}
			r.Spec.Proxy.Replicas = new(int32(1))
		}
	}
}

// standIn makes a Pod that is ready and has an address of its own.
func standIn(t *testing.T, route *v1alpha1.FanoutRoute, i int, annotations map[string]string) (address string) {
	t.Helper()
	address = fmt.Sprintf("10.9.%d.%d", i/250, i%250+1)
	proxy := corev1.Container{Name: v1alpha1.ProxyName, Image: "fanout:test", Ports: []corev1.ContainerPort{
		{Name: desired.AdminPortName, ContainerPort: desired.AdminPort}}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: route.Namespace, Name: route.Name + "-fanout-" + strconv.Itoa(i), Labels: desired.Labels(route)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{proxy}},
	}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	if route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
		pod.Labels = map[string]string{v1alpha1.RouteLabel: route.Name}
		proxy.Name, proxy.RestartPolicy = v1alpha1.SidecarName, new(corev1.ContainerRestartPolicyAlways)
		pod.Spec.InitContainers = []corev1.Container{proxy}
		pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "app"}}
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: v1alpha1.SidecarName, Started: new(true), Image: "x", ImageID: "x",
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	}
	pod.Annotations = annotations
	status := pod.Status
	create(t, pod)
	pod.Status = status
	if err := admin.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return address
}

// everything is the version of every object that has to do with routes.
func everything(t *testing.T, namespace string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, list := range []client.ObjectList{
		&v1alpha1.FanoutRouteList{}, &corev1.ConfigMapList{}, &corev1.ServiceList{}, &corev1.PodList{}, &appsv1.DeploymentList{},
		&policyv1.PodDisruptionBudgetList{}, &autoscalingv2.HorizontalPodAutoscalerList{}, &networkingv1.NetworkPolicyList{},
	} {
		if err := admin.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		if err := meta.EachListItem(list, func(item runtime.Object) error {
			object := item.(client.Object)
			out[fmt.Sprintf("%T %s", item, object.GetName())] = object.GetResourceVersion()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// settledRoutes is a namespace with a route of each kind that an operator has made Ready, in
// which one document is refused by its Pod, and one spec is not accepted.
type settledRoutes struct {
	namespace string
	fleet     *fleet
	routes    []*v1alpha1.FanoutRoute
	conds     map[types.NamespacedName][]metav1.Condition
}

// underLease makes an operator one that has been elected.
func underLease(r *controllers.RouteReconciler) { r.Proxies.Operator = "fanout-system/fanout-operator" }

func settledOperator(t *testing.T, n int) *settledRoutes {
	t.Helper()
	s := &settledRoutes{namespace: newNamespace(t), fleet: newFleet(), conds: map[types.NamespacedName][]metav1.Condition{}}
	for i := range n {
		route := newRoute(s.namespace, fmt.Sprintf("r%d", i), "https://one.example.com/", ofEveryKind(i))
		create(t, route)
		s.routes = append(s.routes, route)
	}
	o := startOperatorWith(t, s.fleet, underLease, s.namespace)
	for i, route := range s.routes {
		child := &corev1.ConfigMap{}
		testkit.Eventually(t, route.Name+" has its document", func() bool { return exists(t, route, child) })
		document, told := routeconfig.Hash([]byte(child.Data[desired.DocumentKey])), map[string]string(nil)
		if i == n-1 { // it was nudged as often as it may be, to no avail
			told = map[string]string{v1alpha1.DocumentAnnotation: document, v1alpha1.NudgeAnnotation: "5"}
			document = "older"
		}
		address := standIn(t, route, i, told)
		s.fleet.mu.Lock()
		s.fleet.says[address] = calls(route, document, 1000)
		s.fleet.mu.Unlock()
	}
	for _, route := range s.routes[:n-1] {
		becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	}
	broken := s.routes[0]
	edit(t, keyOf(broken), func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "http://one.elsewhere.svc/" })
	becomes(t, keyOf(broken), "Accepted", metav1.ConditionFalse, "Invalid")
	o.settle(t)
	o.stop()
	for _, route := range s.routes {
		s.conds[keyOf(route)] = get(t, s.namespace, route.Name, &v1alpha1.FanoutRoute{}).Status.Conditions
	}
	return s
}

// L5: what an operator finds as another one left it, it leaves alone, before its first
// poll and after, though it knows nothing but what the API server and proxies say.
func TestL5RestartWritesNothing(t *testing.T) {
	t.Parallel()
	s := settledOperator(t, 24)
	before := everything(t, s.namespace)
	s.fleet.mu.Lock()
	s.fleet.shut, s.fleet.asked = make(chan struct{}), map[string]int{}
	for address, report := range s.fleet.says { // calls go on meanwhile
		name := report.Routes[0].Name
		s.fleet.says[address] = calls(get(t, s.namespace, name, &v1alpha1.FanoutRoute{}), report.Document, 1040)
	}
	s.fleet.mu.Unlock()
	second := startOperatorWith(t, s.fleet, underLease, s.namespace)
	var writes []string
	for _, route := range s.routes {
		second.pass(t, keyOf(route))
	}
	if writes = second.writes.take(); len(writes) > 0 {
		t.Errorf("%d writes before a proxy has answered: %v", len(writes), writes[:min(len(writes), 10)])
	}
	close(s.fleet.shut)
	testkit.Eventually(t, "every proxy was asked", func() bool {
		s.fleet.mu.Lock()
		defer s.fleet.mu.Unlock()
		return len(s.fleet.asked) == len(s.routes)
	})
	waitFor(time.Second)
	for _, route := range s.routes {
		second.pass(t, keyOf(route))
	}
	if writes = second.writes.take(); len(writes) > 0 {
		t.Errorf("%d writes after they have: %v", len(writes), writes[:min(len(writes), 10)])
	}
	after := everything(t, s.namespace)
	for name, version := range before {
		if after[name] != version {
			t.Errorf("%s was written", name)
		}
	}
	for key, conditions := range s.conds {
		if now := get(t, key.Namespace, key.Name, &v1alpha1.FanoutRoute{}).Status.Conditions; !slices.Equal(now, conditions) {
			t.Errorf("%s: conditions were %v, are %v", key, conditions, now)
		}
	}
}

// L5: what is not as it was applied when an operator starts is repaired as at any other
// time, and what others have added is theirs.
func TestL5EditsWhileTheOperatorWasAway(t *testing.T) {
	t.Parallel()
	route, first := serving(t, "https://one.example.com/")
	first.settle(t)
	first.stop()
	name := desired.Name(route)
	service := get(t, route.Namespace, name, &corev1.Service{})
	service.Spec.Ports[0].Port = 1234
	deployment := get(t, route.Namespace, name, &appsv1.Deployment{})
	deployment.Spec.Template.Spec.Containers[0].Image = "another"
	configMap := get(t, route.Namespace, name, &corev1.ConfigMap{})
	configMap.Data["extra"] = "theirs"
	budget := get(t, route.Namespace, name, &policyv1.PodDisruptionBudget{})
	for _, object := range []client.Object{service, deployment, configMap} {
		if err := admin.Update(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	if err := admin.Delete(t.Context(), budget); err != nil {
		t.Fatal(err)
	}
	second := startOperator(t, route.Namespace)
	testkit.Eventually(t, "the edits are undone", func() bool {
		return get(t, route.Namespace, name, &corev1.Service{}).Spec.Ports[0].Port == 8080 && exists(t, route, &policyv1.PodDisruptionBudget{}) &&
			get(t, route.Namespace, name, &appsv1.Deployment{}).Spec.Template.Spec.Containers[0].Image == "fanout:test"
	})
	waitFor(time.Second)
	if now := get(t, route.Namespace, name, &corev1.ConfigMap{}); now.ResourceVersion != configMap.ResourceVersion {
		t.Errorf("the ConfigMap was written for a key of somebody else: %v", now.ManagedFields)
	}
	wrote := strings.Join(second.writes.take(), "\n")
	for kind, want := range map[string]bool{"/services/": true, "/deployments/": true, "/poddisruptionbudgets/": true, "/configmaps/": false} {
		if strings.Contains(wrote, kind) != want {
			t.Errorf("wrote %s, want %s in it: %v", wrote, kind, want)
		}
	}
}
