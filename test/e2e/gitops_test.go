package e2e

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

var update = flag.Bool("update", false, "dump the fixtures of Argo CD's health script from the cluster")

// moment is what a route was at one event of its watch.
type moment struct {
	route *v1alpha1.FanoutRoute
	u     *unstructured.Unstructured
	at    time.Time
}

func (m moment) kstatus(t *testing.T) status.Status {
	t.Helper()
	result, err := status.Compute(m.u)
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}

// watchRoute keeps every event of a scene's routes until the test is over.
func (s *scene) watchRoute() (moments func() []moment) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	watcher, err := kube.Watch(ctx, &v1alpha1.FanoutRouteList{}, client.InNamespace(s.namespace))
	if err != nil {
		s.t.Fatal(err)
	}
	var list []moment
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range watcher.ResultChan() {
			route, ok := e.Object.(*v1alpha1.FanoutRoute)
			if !ok {
				continue
			}
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(route)
			if err != nil {
				continue
			}
			u := &unstructured.Unstructured{Object: content}
			u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
			list = append(list, moment{route, u, time.Now()})
		}
	}()
	return func() []moment {
		watcher.Stop()
		cancel()
		<-done
		return list
	}
}

// What kstatus, and with it Flux, Argo CD's fallback and kubectl wait, thinks of a
// route at every moment of its life.
func TestKstatusThroughALife(t *testing.T) {
	s := newScene(t)
	agents := s.agents("one")
	moments := s.watchRoute()
	s.route("orders", []string{"one"})
	s.settled("orders")
	good := "http://one." + s.namespace + ".svc:8080/"
	setURL := func(url string) {
		edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Service, r.Spec.Backends[0].URL = nil, url
		})
	}
	setURL(good)
	s.ready("orders")
	setURL("http://one.other-namespace.svc:8080/")
	broken := time.Now()
	eventually(t, "the bad spec is refused", func() bool { return s.condition("orders", "Stalled").Status == metav1.ConditionTrue })
	figure(t, "bad spec → Failed for kstatus", "%.1f s", time.Since(broken).Seconds())
	setURL(good)
	s.ready("orders")
	agents[0].behave(map[string]any{})

	served := map[int64]bool{} // generations that proxies served at some moment before
	current, failed := 0, 0
	for _, m := range moments() {
		c := metav1.Condition{}
		for _, x := range m.route.Status.Conditions {
			if x.Type == "Programmed" {
				c = x
			}
		}
		served[m.route.Generation] = served[m.route.Generation] || c.Status == metav1.ConditionTrue && c.ObservedGeneration == m.route.Generation
		switch m.kstatus(t) {
		case status.CurrentStatus:
			current++
			if !served[m.route.Generation] {
				t.Errorf("Current before proxies served generation %d: %v", m.route.Generation, m.route.Status.Conditions)
			}
		case status.FailedStatus:
			failed++
			if m.route.Generation != 3 {
				t.Errorf("generation %d is Failed: %v", m.route.Generation, m.route.Status.Conditions)
			}
		}
	}
	if current == 0 || failed == 0 {
		t.Errorf("the life had %d moments that are Current and %d that are Failed, want some of each", current, failed)
	}
}

// A route that no operator has seen is in progress, not done.
func TestKstatusWithoutOperator(t *testing.T) {
	s := newScene(t)
	moments := s.watchRoute()
	withoutOperator(t, func() {
		s.route("orders", []string{"one"})
		time.Sleep(2 * time.Second)
	})
	all := moments()
	if len(all) == 0 {
		t.Fatal("the watch saw nothing")
	}
	if got := all[0].kstatus(t); got != status.InProgressStatus {
		t.Errorf("a route that nobody has seen is %s", got)
	}
}

func TestArgoCDHealth(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", "..", "config", "argocd", "health.lua"))
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t)
	s.agents("one")
	moments := s.watchRoute()
	s.route("orders", []string{"one"})
	s.settled("orders")
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Service, r.Spec.Backends[0].URL = nil, "http://one.other-namespace.svc:8080/"
	})
	eventually(t, "the bad spec is refused", func() bool { return s.condition("orders", "Stalled").Status == metav1.ConditionTrue })
	time.Sleep(5 * time.Second) // for the watch to tell it, too
	want := map[status.Status]string{status.CurrentStatus: "Healthy", status.InProgressStatus: "Progressing", status.FailedStatus: "Degraded"}
	fixtures := map[string]*unstructured.Unstructured{}
	for _, m := range moments() {
		expected := want[m.kstatus(t)]
		if got := argoHealth(t, string(script), m.u.Object); got != expected {
			t.Errorf("health is %s where kstatus is %s: %v", got, m.kstatus(t), m.route.Status.Conditions)
		}
		fixtures[expected] = m.u
	}
	for name, u := range fixtures {
		path := filepath.Join("testdata", "argocd", name+".yaml")
		if *update {
			content, err := yaml.Marshal(u.Object)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		object := map[string]any{}
		if err := yaml.Unmarshal(content, &object); err != nil {
			t.Fatal(err)
		}
		if got := argoHealth(t, string(script), object); got != name {
			t.Errorf("the fixture %s has health %s", path, got)
		}
	}
	if len(fixtures) != 3 {
		t.Errorf("the life had %d kinds of health, want 3", len(fixtures))
	}
}

// argoHealth runs the script as Argo CD does: obj is the object, and the result a
// table with status.
func argoHealth(t *testing.T, script string, object map[string]any) string {
	t.Helper()
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable, lua.OpenString} {
		l.Push(l.NewFunction(open))
		l.Call(0, 0)
	}
	l.SetGlobal("obj", toLua(l, object))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returned %v", l.Get(-1))
	}
	return result.RawGetString("status").String()
}

func toLua(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := l.NewTable()
		for key, x := range v {
			table.RawSetString(key, toLua(l, x))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, x := range v {
			table.Append(toLua(l, x))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LNil
}
