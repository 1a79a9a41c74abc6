package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// agentImage is what runs in Pods; see the folder agent.
const agentImage = "fanout.dev/e2e-agent:v0"

// scene is the namespace of one scenario.
type scene struct {
	t         *testing.T
	namespace string
}

// newScene makes a namespace in which only restricted Pods may run.
func newScene(t *testing.T, labels ...string) *scene {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "e2e-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	for i := 0; i+1 < len(labels); i += 2 {
		n.Labels[labels[i]] = labels[i+1]
	}
	if err := steady(func() error { return kube.Create(t.Context(), n) }); err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, namespace: n.Name}
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
		if err := steady(func() error { return kube.Delete(context.WithoutCancel(t.Context()), n) }); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	eventually(t, "pods may be created", func() bool { // no earlier than its controller, which may just begin again
		account := types.NamespacedName{Namespace: n.Name, Name: "default"}
		return kube.Get(t.Context(), account, &corev1.ServiceAccount{}) == nil
	})
	return s
}

// dump writes the namespace's objects and logs to a folder.
func (s *scene) dump() {
	ctx := context.WithoutCancel(s.t.Context())
	folder := filepath.Join("..", "..", "dist", "e2e", strings.ReplaceAll(s.t.Name(), "/", "_"))
	if err := os.MkdirAll(folder, 0o750); err != nil {
		s.t.Log(err)
		return
	}
	save := func(name string, content []byte) { _ = os.WriteFile(filepath.Join(folder, name), content, 0o600) }
	lists := map[string]client.ObjectList{
		"routes": &v1alpha1.FanoutRouteList{}, "pods": &corev1.PodList{}, "configmaps": &corev1.ConfigMapList{},
		"events": &corev1.EventList{}, "services": &corev1.ServiceList{},
	}
	for name, list := range lists {
		if err := kube.List(ctx, list, client.InNamespace(s.namespace)); err == nil {
			content, _ := yaml.Marshal(list)
			save(name+".yaml", content)
		}
	}
	for _, namespace := range []string{s.namespace, system} {
		pods := &corev1.PodList{}
		if err := kube.List(ctx, pods, client.InNamespace(namespace)); err != nil {
			continue
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
				log, err := core.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name}).DoRaw(ctx)
				if err == nil {
					save(pod.Name+"."+c.Name+".log", log)
				}
			}
		}
	}
	s.t.Logf("objects and logs of %s are in %s", s.namespace, folder)
}

func (s *scene) create(object client.Object) {
	s.t.Helper()
	object.SetNamespace(s.namespace)
	if err := steady(func() error { return kube.Create(s.t.Context(), object) }); err != nil {
		s.t.Fatal(err)
	}
}

// get reads an object of the scene.
func get[T client.Object](s *scene, name string, object T) T {
	s.t.Helper()
	if err := steady(func() error { return kube.Get(s.t.Context(), s.key(name), object) }); err != nil {
		s.t.Fatal(err)
	}
	return object
}

func (s *scene) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.namespace, Name: name}
}

// edit changes an object until the change is taken.
func edit[T client.Object](s *scene, name string, object T, change func(T)) {
	s.t.Helper()
	for {
		current := get(s, name, object)
		change(current)
		err := steady(func() error { return kube.Update(s.t.Context(), current) })
		if err == nil {
			return
		}
		if !apierrors.IsConflict(err) {
			s.t.Fatal(err)
		}
	}
}

func (s *scene) secret(name string, values map[string]string) {
	s.t.Helper()
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: values})
}

// route is a FanoutRoute whose backends are agents.
func (s *scene) route(name string, backends []string, modify ...func(*v1alpha1.FanoutRoute)) *v1alpha1.FanoutRoute {
	s.t.Helper()
	r := &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, b := range backends {
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{
			Name: v1alpha1.BackendName(b), Service: &v1alpha1.ServiceReference{Name: b, Port: 8080},
		})
	}
	for _, m := range modify {
		m(r)
	}
	s.create(r)
	return r
}

func (s *scene) condition(route, kind string) *metav1.Condition {
	s.t.Helper()
	return meta.FindStatusCondition(get(s, route, &v1alpha1.FanoutRoute{}).Status.Conditions, kind)
}

// ready waits until a route serves its newest spec.
func (s *scene) ready(route string) time.Duration {
	s.t.Helper()
	return eventually(s.t, route+" is ready", func() bool {
		r := get(s, route, &v1alpha1.FanoutRoute{})
		c := meta.FindStatusCondition(r.Status.Conditions, "Ready")
		return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == r.Generation
	})
}

// settled waits until a route serves its newest spec, with all Pods there.
func (s *scene) settled(route string) {
	s.t.Helper()
	s.ready(route)
	eventually(s.t, route+" is rolled out", func() bool {
		r := get(s, route, &v1alpha1.FanoutRoute{})
		c := meta.FindStatusCondition(r.Status.Conditions, "Reconciling")
		return c != nil && c.Status == metav1.ConditionFalse && c.ObservedGeneration == r.Generation
	})
}

// everyPod are those of a route, with those that are going.
func (s *scene) everyPod(route string) []corev1.Pod {
	s.t.Helper()
	list := &corev1.PodList{}
	labelled := client.MatchingLabels{v1alpha1.RouteLabel: route}
	if err := steady(func() error { return kube.List(s.t.Context(), list, client.InNamespace(s.namespace), labelled) }); err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

// pods are those of a route that stay.
func (s *scene) pods(route string) []corev1.Pod {
	s.t.Helper()
	return slices.DeleteFunc(s.everyPod(route), func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// agent is a Pod of ours and its Service.
type agent struct {
	s    *scene
	name string
}

func restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false), RunAsNonRoot: new(true),
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func agentPod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(2)),
			Containers: []corev1.Container{{
				Name: "agent", Image: agentImage, ImagePullPolicy: corev1.PullIfNotPresent, SecurityContext: restricted(),
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(9000)},
				}},
			}},
		},
	}
}

// agents starts Pods and waits for them.
func (s *scene) agents(names ...string) []*agent {
	s.t.Helper()
	var list []*agent
	for _, name := range names {
		s.create(agentPod(name))
		s.create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 8080}},
		}})
		list = append(list, &agent{s, name})
	}
	for _, a := range list {
		a.wait()
	}
	return list
}

func (a *agent) wait() {
	a.s.t.Helper()
	eventually(a.s.t, "agent "+a.name+" is ready", func() bool {
		pod := get(a.s, a.name, &corev1.Pod{})
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady {
				return c.Status == corev1.ConditionTrue
			}
		}
		return false
	})
}

// control talks to an agent through the API server. A body that is not nil is sent
// as JSON, and the answer is read into out where that is not nil.
func (a *agent) control(method, path string, body, out any) {
	a.s.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		a.s.t.Fatal(err)
	}
	var answer []byte
	err = steady(func() (err error) { // each of the agent's orders may be repeated
		request := core.CoreV1().RESTClient().Verb(method).Namespace(a.s.namespace).Resource("pods").
			Name(a.name + ":9000").SubResource("proxy").Suffix(path).Timeout(time.Minute)
		if body != nil {
			request.Body(bytes.NewReader(encoded))
		}
		answer, err = request.DoRaw(a.s.t.Context())
		return err
	})
	if err != nil {
		a.s.t.Fatalf("%s %s of agent %s: %v: %s", method, path, a.name, err, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			a.s.t.Fatalf("read %s of agent %s: %v", path, a.name, err)
		}
	}
}

// behave sets how an agent answers as a backend.
func (a *agent) behave(behaviour map[string]any) {
	a.s.t.Helper()
	a.control(http.MethodPut, "behaviour", behaviour, nil)
}

// seen is what an agent saw as a backend.
type seen struct {
	Count int                  `json:"count"`
	First map[string]time.Time `json:"first"`
}

func (a *agent) seen() (s seen) {
	a.s.t.Helper()
	a.control(http.MethodGet, "seen", nil, &s)
	return s
}

// totals is what came of a load.
type totals struct {
	Sent     int            `json:"sent"`
	Statuses map[string]int `json:"statuses"`
	Outcomes map[string]int `json:"outcomes"`
	Errors   map[string]int `json:"errors"`
}

// good is the number of responses 200.
func (t totals) good() int { return t.Statuses["200"] }

func (t totals) String() string {
	return fmt.Sprintf("%d sent, statuses %v, outcomes %v, errors %v", t.Sent, t.Statuses, t.Outcomes, t.Errors)
}

// load starts a load from an agent; end stops it and tells what came of it. It
// counts from when the first call got through: the node's kube-proxy learns of a
// Service a moment after everybody else.
func (a *agent) load(url string, perSecond, workers int, keepAlive bool) {
	a.s.t.Helper()
	order := map[string]any{"url": url, "perSecond": perSecond, "workers": workers, "keepAlive": keepAlive}
	a.control(http.MethodPost, "load", order, nil)
	eventually(a.s.t, "a call gets through", func() bool { return a.soFar().good() > 0 })
	a.control(http.MethodPost, "load", order, nil)
}

func (a *agent) soFar() (t totals) {
	a.s.t.Helper()
	a.control(http.MethodGet, "load", nil, &t)
	return t
}

func (a *agent) end() (t totals) {
	a.s.t.Helper()
	a.control(http.MethodDelete, "load", nil, &t)
	return t
}

// sent waits until so many more requests have been answered.
func (a *agent) sent(more int) {
	a.s.t.Helper()
	before := a.soFar().Sent
	eventually(a.s.t, "the load goes on", func() bool { return a.soFar().Sent >= before+more })
}

// allGood fails where a single response was not a 200.
func (s *scene) allGood(t totals) {
	s.t.Helper()
	if t.Sent == 0 || t.good() != t.Sent {
		s.t.Errorf("not every response was a 200: %s", t)
	}
}
