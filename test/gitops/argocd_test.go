package gitops

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	engine "github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	luajson "layeh.com/gopher-json"
)

// argoManager is Argo CD's field manager.
const argoManager = "argocd-controller"

// argo is what Argo CD does to a cluster, by its own code.
type argo struct {
	operations engine.ResourceOperations
	dry        diff.KubeApplier
	parser     *managedfields.GvkParser
}

func newArgo(t *testing.T) *argo {
	t.Helper()
	kubectl := &engine.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	a := &argo{}
	var err error
	var cleanUp func()
	if a.operations, cleanUp, err = kubectl.ManageResources(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cleanUp)
	if a.dry, cleanUp, err = kubectl.ManageServerSideDiffDryRuns(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cleanUp)
	if _, a.parser, err = kubectl.LoadOpenAPISchema(config); err != nil {
		t.Fatal(err)
	}
	return a
}

// tracked are objects as Argo CD makes them out of a repository: each bears its application.
func tracked(t *testing.T, list []*unstructured.Unstructured) []*unstructured.Unstructured {
	t.Helper()
	for _, u := range list {
		annotations := u.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		gk := u.GroupVersionKind().GroupKind()
		annotations["argocd.argoproj.io/tracking-id"] = fmt.Sprintf("shop:%s/%s:%s/%s", gk.Group, gk.Kind, u.GetNamespace(), u.GetName())
		u.SetAnnotations(annotations)
	}
	return list
}

// sync applies objects, as Argo CD's `sync` does by default or with ServerSideApply=true.
func (a *argo) sync(t *testing.T, list []*unstructured.Unstructured, serverSide bool) {
	t.Helper()
	for _, u := range list {
		if _, err := a.operations.ApplyResource(t.Context(), u.DeepCopy(), cmdutil.DryRunNone, false, true, serverSide, argoManager); err != nil {
			t.Fatalf("apply %s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// outOfSync compares objects with those in the cluster, and returns the differences of
// those that Argo CD would show as OutOfSync.
func (a *argo) outOfSync(t *testing.T, list []*unstructured.Unstructured, options ...diff.Option) (differences []string) {
	t.Helper()
	for _, u := range list {
		live, err := find(t.Context(), u.GetAPIVersion(), u.GetKind(), u.GetNamespace(), u.GetName())
		if err != nil {
			t.Fatal(err)
		}
		result, err := diff.Diff(u.DeepCopy(), live, append([]diff.Option{diff.WithLogr(logr.Discard())}, options...)...)
		if err != nil {
			t.Fatalf("compare %s %s: %v", u.GetKind(), u.GetName(), err)
		}
		if result.Modified {
			differences = append(differences, u.GetKind()+" "+u.GetName()+"\n"+cmp.Diff(object(t, result.NormalizedLive), object(t, result.PredictedLive)))
		}
	}
	return differences
}

func object(t *testing.T, content []byte) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal(content, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// ways are the three by which Argo CD compares: by the annotation of the last apply, by the
// owners of fields, and by asking the API server.
func (a *argo) ways() map[string][]diff.Option {
	return map[string][]diff.Option{
		"three-way":   nil,
		"structured":  {diff.WithStructuredMergeDiff(true), diff.WithGVKParser(a.parser), diff.WithManager(argoManager)},
		"server-side": {diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(a.dry)), diff.WithGVKParser(a.parser), diff.WithManager(argoManager)},
	}
}

// nothing fails where Argo CD shows a difference, by any of its ways that hold for how the
// objects were applied.
func (a *argo) nothing(t *testing.T, when string, list []*unstructured.Unstructured, ways ...string) {
	t.Helper()
	for _, way := range ways {
		for _, difference := range a.outOfSync(t, list, a.ways()[way]...) {
			t.Errorf("%s, the %s diff has %s", when, way, difference)
		}
	}
}

// Every sample, as Argo CD applies and compares it: in sync at every moment, and as healthy
// as it is.
func TestArgoCD(t *testing.T) {
	openShop(t)
	a := newArgo(t)
	list := tracked(t, objectsOf(t, samples(t)))
	scaleOperator(t, 0)
	t.Cleanup(func() { scaleOperator(t, 2) })
	a.sync(t, list, false)
	a.nothing(t, "applied, without an operator", list, "three-way")
	if health := argoHealth(t, route(t)); health["status"] != "Progressing" {
		t.Errorf("health of a route that nobody has seen is %v", health)
	}
	scaleOperator(t, 2)
	settled(t)
	a.nothing(t, "ready", list, "three-way")
	if health := argoHealth(t, route(t)); health["status"] != "Healthy" {
		t.Errorf("health of a route that is ready is %v", health)
	}
	untracked(t)
	a.sync(t, list, false)
	generation := route(t).GetGeneration()
	patch(t, `{"spec":{"proxy":{"replicas":3}}}`)
	if got := a.outOfSync(t, list); len(got) != 1 || !strings.Contains(got[0], "replicas") {
		t.Errorf("of an edit by hand the three-way diff shows %v", got)
	}
	a.sync(t, list, false)
	a.nothing(t, "repaired", list, "three-way")
	a.sync(t, list, true)
	settled(t)
	a.nothing(t, "applied on the server", list, "three-way", "structured", "server-side")
	if got := route(t).GetGeneration(); got != generation+2 {
		t.Errorf("the generation was %d before an edit and its repair, and is %d: want two more", generation, got)
	}
	patch(t, `{"spec":{"proxy":{"replicas":3}}}`)
	for way, options := range a.ways() {
		if got := a.outOfSync(t, list, options...); len(got) != 1 || !strings.Contains(got[0], "replicas") {
			t.Errorf("of an edit by hand the %s diff shows %v", way, got)
		}
	}
}

// untracked fails where a child bears what Argo CD knows its own by: it would prune it.
func untracked(t *testing.T) {
	t.Helper()
	children := strings.Fields(run(t, "kubectl", "get", "deployments,services,configmaps,networkpolicies,poddisruptionbudgets", "-n", shop, "-l", "fanout.dev/route=orders",
		"-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.annotations.argocd\.argoproj\.io/tracking-id}{"\n"}{end}`))
	if len(children) < 3 {
		t.Errorf("the route has the children %v, want three or more", children)
	}
	for _, child := range children {
		if !strings.HasSuffix(child, "=") {
			t.Errorf("Argo CD takes a child for its own: %s", child)
		}
	}
}

// The operator's own install, with everything that it and the API server add to it.
func TestArgoCDInstall(t *testing.T) {
	a := newArgo(t)
	list, err := manifest(rootFile("dist", "install.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	tracked(t, list)
	a.sync(t, list, false)
	if err := available(context.WithoutCancel(t.Context()), system, "fanout-operator"); err != nil {
		t.Fatal(err)
	}
	a.nothing(t, "installed", list, "three-way")
	a.sync(t, list, true)
	a.nothing(t, "installed on the server", list, "three-way", "structured", "server-side")
}

// objectsOf are those that a folder's kustomization.yaml names.
func objectsOf(t *testing.T, f folder) (list []*unstructured.Unstructured) {
	t.Helper()
	for name, content := range f {
		if name == "kustomization.yaml" {
			continue
		}
		more, err := decode([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, more...)
	}
	return list
}

// argoHealth runs the health script as Argo CD does: in the same engine, with the same
// libraries, the object as obj.
func argoHealth(t *testing.T, u *unstructured.Unstructured) map[string]string {
	t.Helper()
	script, err := os.ReadFile(rootFile("config", "argocd", "health.lua"))
	if err != nil {
		t.Fatal(err)
	}
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			t.Fatal(err)
		}
	}
	content, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	object, err := luajson.Decode(l, content)
	if err != nil {
		t.Fatal(err)
	}
	l.SetGlobal("obj", object)
	if err := l.DoString(string(script)); err != nil {
		t.Fatal(err)
	}
	if content, err = luajson.Encode(l.Get(-1)); err != nil {
		t.Fatal(err)
	}
	health := map[string]string{}
	if err := json.Unmarshal(content, &health); err != nil {
		t.Fatalf("the script returned %s: %v", content, err)
	}
	return health
}
