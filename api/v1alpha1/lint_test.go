package v1alpha1_test

import (
	"io"
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/cli"
)

// Q6: fanoutctl lint takes the metadata that the API server takes, and no other.
func TestQ6LintJudgesMetadataAsTheAPIServer(t *testing.T) {
	t.Parallel()
	c := newClient(t, client.Options{})
	long := strings.Repeat("x", 64)
	rows := map[string]string{}
	for metadata, want := range map[string]string{
		"{name: a}":                                  "",
		"{generateName: a-}":                         "",
		"{generateName: A-}":                         "metadata.name",
		"{}":                                         "metadata.name",
		"{name: A}":                                  "metadata.name",
		"{name: a_b}":                                "metadata.name",
		"{name: a, labels: {app: a b}}":              "metadata.labels",
		"{name: a, labels: {'a/b/c': x}}":            "metadata.labels",
		"{name: a, labels: {app: " + long + "}}":     "metadata.labels",
		"{name: a, labels: {app: true}}":             "metadata",
		"{name: a, labels: {app: 1}}":                "metadata",
		"{name: a, labels: [app]}":                   "metadata",
		"{name: a, labels: null, annotations: null}": "",
		"{name: a, labels: {app: ''}}":               "",
		"{name: a, annotations: {'a b': x}}":         "metadata.annotations",
		"{name: a, annotations: {a: 1}}":             "metadata",
		"{name: a, annotations: {a: '" + strings.Repeat("x", 256<<10) + "'}}":          "metadata.annotations",
		"{name: a, annotations: {a: 'anything, also: ü'}}":                             "",
		"{name: a, finalizers: ['a b']}":                                               "metadata.finalizers",
		"{name: a, ownerReferences: [{apiVersion: v1, kind: Pod, name: p}]}":           "metadata.ownerReferences",
		"{name: a, ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u}]}":   "",
		"{name: a, ownerReferences: [{apiVersion: v1, kind: Event, name: p, uid: u}]}": "metadata.ownerReferences",
		"{name: a, label: {app: a}}":                                                   "metadata.label",
		"{name: a, creationTimestamp: null}":                                           "",
		"{name: a, creationTimestamp: yesterday}":                                      "metadata",
	} {
		rows["apiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: "+metadata+"\nspec: {"+strings.TrimSpace(one)+"}\n"] = want
		rows["apiVersion: v1\nkind: Secret\nmetadata: "+metadata+"\nstringData: {k: v}\n"] = want
	}
	maps.Copy(rows, map[string]string{
		"apiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: {name: a, finalizers: [plain]}\nspec: {" + strings.TrimSpace(one) + "}": "",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a, finalizers: [plain]}\nstringData: {k: v}\n":                                         "metadata.finalizers[0]",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a, finalizers: [kubernetes, example.com/x]}\nstringData: {k: v}\n":                     "",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a b: v}\n":                                                            "data[a b]",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {.k: dg==}\n":                                                                "",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: " + strings.Repeat("x", 1<<20+1) + "}\n":                           "data",
		"apiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: {name: a.b}\nspec: {" + strings.TrimSpace(one) + "}":                    "metadata.name",
	})
	for text, want := range rows {
		t.Run(text[:min(len(text), 120)], func(t *testing.T) {
			t.Parallel()
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
				t.Fatal(err)
			}
			object.SetNamespace("default")
			taken := c.Create(t.Context(), object, client.FieldValidation(metav1.FieldValidationStrict), client.DryRunAll)
			if (taken == nil) != (want == "") {
				t.Fatalf("the API server says %v, the row %q", taken, want)
			}
			out := &strings.Builder{}
			manifest := text
			if strings.Contains(text, "kind: Secret") { // lint wants a route to speak about
				manifest += "---\napiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: {name: beside}\nspec: {" + strings.TrimSpace(one) + "}\n"
			}
			root := cli.New(strings.NewReader(manifest), out, io.Discard)
			root.SetArgs([]string{"lint", "-f", "-"})
			err := root.ExecuteContext(t.Context())
			if (err == nil) != (want == "") || !strings.Contains(out.String(), want) {
				t.Errorf("lint says %.300q, want %q in it; the API server says %v", out, want, taken)
			}
		})
	}
}
