package gitops

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const (
	sourceVersion        = "source.toolkit.fluxcd.io/v1"
	kustomizationVersion = "kustomize.toolkit.fluxcd.io/v1"
)

// flux is a source and a Kustomization, the ones of the docs.
type flux struct{}

// worked returns the manifests in docs/operations/gitops.md that have a text.
func worked(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	page, err := os.ReadFile(rootFile("docs", "operations", "gitops.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(block[1], text) {
			continue
		}
		list, err := decode([]byte(block[1]))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	t.Fatalf("the docs have no manifest with %q", text)
	return nil
}

// newFlux delivers the samples by the manifests of the docs, of which the address is
// another one and the pace another. At the end of the test all of it is pruned.
func newFlux(t *testing.T) flux {
	t.Helper()
	f := flux{}
	f.push(t, samples(t))
	list := worked(t, "kind: Kustomization")
	for _, u := range list {
		for path, value := range map[string]any{
			"OCIRepository spec.url": "oci://source." + fluxSystem + ".svc.cluster.local:5000/" + shop, "OCIRepository spec.insecure": true,
			"OCIRepository spec.interval": "1h", // asked for at each push
			"Kustomization spec.interval": "5s", "Kustomization spec.retryInterval": "5s", "Kustomization spec.timeout": "20s",
		} {
			kind, field, _ := strings.Cut(path, " ")
			if u.GetKind() != kind {
				continue
			}
			if err := unstructured.SetNestedField(u.Object, value, strings.Split(field, ".")...); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		for _, u := range list {
			if err := kube.Delete(ctx, u); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
		eventually(t, "the Kustomization is gone, with what it applied", func() bool {
			_, err := find(ctx, kustomizationVersion, "Kustomization", fluxSystem, shop)
			return client.IgnoreNotFound(err) == nil && err != nil
		})
	})
	if err := applyAll(ctx, "gitops", list); err != nil {
		t.Fatal(err)
	}
	return f
}

// push makes a folder the newest revision.
func (flux) push(t *testing.T, files folder) (revision string) {
	t.Helper()
	digest, err := core.CoreV1().RESTClient().Put().Namespace(fluxSystem).Resource("services").Name("source:9000").
		SubResource("proxy").Suffix("revisions", shop).Body(files.packed(t)).DoRaw(t.Context())
	if err != nil {
		t.Fatalf("push: %v: %s", err, digest)
	}
	return "latest@" + string(digest)
}

// deliver pushes a folder and lets Flux fetch it at once.
func (f flux) deliver(t *testing.T, files folder) (revision string) {
	t.Helper()
	revision = f.push(t, files)
	f.ask(t, sourceVersion, "OCIRepository")
	return revision
}

// ask does what `flux reconcile` does.
func (flux) ask(t *testing.T, version, kind string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(version)
	u.SetKind(kind)
	u.SetNamespace(fluxSystem)
	u.SetName(shop)
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":%q}}}`, time.Now().Format(time.RFC3339Nano))
	if err := kube.Patch(t.Context(), u, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		t.Fatal(err)
	}
}

// state is the Kustomization's condition Ready, and the revision that it speaks of.
func (flux) state(t *testing.T) (ready condition, attempted string) {
	t.Helper()
	u, err := find(t.Context(), kustomizationVersion, "Kustomization", fluxSystem, shop)
	if err != nil {
		t.Fatal(err)
	}
	attempted, _, _ = unstructured.NestedString(u.Object, "status", "lastAttemptedRevision")
	return conditionOf(u, "Ready"), attempted
}

// verdict waits until Flux has made up its mind about a revision.
func (f flux) verdict(t *testing.T, revision string) (ready condition, after time.Duration) {
	t.Helper()
	after = eventually(t, "Flux has a verdict", func() bool {
		var attempted string
		ready, attempted = f.state(t)
		return attempted == revision && (ready.Status == "True" || ready.Status == "False")
	})
	return ready, after
}

// applied waits until a revision is applied, and all of it is ready.
func (f flux) applied(t *testing.T, revision string) (after time.Duration) {
	t.Helper()
	return eventually(t, "the revision is applied and ready", func() bool {
		ready, attempted := f.state(t)
		return attempted == revision && ready.Status == "True"
	})
}

// requests counts those in the shop since a time, by the API server's audit log, as
// `WHO VERB RESOURCE`. Only our own cluster has one. Flux tells of its changes by events,
// too, of which a recorder drops those over 25 of an object in two hours.
func requests(t *testing.T, since time.Time) map[string]int {
	t.Helper()
	if os.Getenv("KUBECONFIG") != "" {
		return nil
	}
	f, err := os.Open(rootFile(".cluster", "log", "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	counts := map[string]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e := struct {
			Verb, RequestURI string
			User             struct{ Username string }
			ObjectRef        struct{ Resource, Subresource, Namespace string }
			StageTimestamp   time.Time
		}{}
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.ObjectRef.Namespace != shop || e.StageTimestamp.Before(since) {
			continue // of another namespace, or still being written
		}
		resource := e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			resource += "/" + e.ObjectRef.Subresource
		}
		if strings.Contains(e.RequestURI, "dryRun=All") {
			resource += " dry"
		}
		counts[e.User.Username[strings.LastIndex(e.User.Username, ":")+1:]+" "+e.Verb+" "+resource]++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return counts
}

// owners are the managers of fields below the spec.
func owners(t *testing.T, u *unstructured.Unstructured) (list []string) {
	t.Helper()
	for _, m := range u.GetManagedFields() {
		if m.Subresource == "" && m.FieldsV1 != nil && strings.Contains(m.FieldsV1.GetRawString(), `"f:spec"`) {
			list = append(list, m.Manager+" "+string(m.Operation))
		}
	}
	slices.Sort(list)
	return list
}

// text is an object's spec as YAML.
func text(t *testing.T, u *unstructured.Unstructured) string {
	t.Helper()
	content, err := yaml.Marshal(u.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
