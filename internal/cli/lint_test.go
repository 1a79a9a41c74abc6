package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/testkit"
)

const good = `
apiVersion: fanout.dev/v1alpha1
kind: FanoutRoute
metadata: {name: orders, namespace: shop}
spec:
  backends:
  - {name: one, url: https://one.example.com/data}
`

// command runs fanoutctl to its end.
func command(t *testing.T, stdin string, args ...string) (out, errOut string, err error) {
	t.Helper()
	stdout, stderr := &bytes.Buffer{}, &bytes.Buffer{}
	root := New(strings.NewReader(stdin), stdout, stderr)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLintNamesFileObjectFieldAndFix(t *testing.T) {
	t.Parallel()
	edit := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	for name, row := range map[string]struct{ content, want string }{
		"good":             {good, "1 routes, no faults\n"},
		"a rule":           {edit("url: https://one.example.com/data", "url: 'https://u:p@one/'"), "f.yaml: FanoutRoute shop/orders: spec.backends[0].url: "},
		"another rule":     {good + "  dispatch: {successPolicy: {type: Quorum, quorum: {count: 2}}}\n", "dispatch.successPolicy.quorum.count must not exceed the number of backends"},
		"an unknown field": {edit("name: one,", "name: one, urll: x,"), "f.yaml: FanoutRoute shop/orders: spec.backends[0].urll: "},
		"a wrong type":     {edit("spec:", "spec:\n  listener: {port: eighty}"), "f.yaml: FanoutRoute shop/orders: spec.listener.port: "},
		"the compiler":     {edit("https://one.example.com/data", "http://api.lab.svc/"), `spec.backends[0].url: Invalid value: "http://api.lab.svc/": must not name a Service or Pod of namespace "lab"`},
		"a double key":     {edit("spec:", "spec:\n  proxy: {}\n  proxy: {}"), `f.yaml: FanoutRoute shop/orders: read YAML: `},
		"a double object":  {good + "---" + good, "f.yaml: FanoutRoute shop/orders: appears twice, first in "},
		"a version":        {edit("v1alpha1", "v1"), "f.yaml: FanoutRoute shop/orders: apiVersion: must be fanout.dev/v1alpha1"},
		"no YAML":          {"a: b: c", "f.yaml: not YAML or JSON: "},
		"no kind":          {"a: b", "f.yaml: an object has no kind"},
		"a broken Secret":  {good + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: '%%'}\n", "f.yaml: Secret default/s: not a Secret"},
		"a long name":      {edit("name: orders", "name: "+strings.Repeat("o", 51)), "metadata.name must be at most 50"},
		"nothing":          {"", "no FanoutRoute found"},
		"JSON":             {`{"apiVersion":"fanout.dev/v1alpha1","kind":"FanoutRoute","metadata":{"name":"a"},"spec":{"backends":[]}}`, "f.yaml: FanoutRoute default/a: spec.backends: "},
		"a list":           {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: fanout.dev/v1alpha1, kind: FanoutRoute, metadata: {name: a}, spec: {}}", "f.yaml: FanoutRoute default/a: spec.backends: "},
		"other kinds":      {"apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---" + good, "1 routes, no faults\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := command(t, "", "lint", "-f", write(t, "f.yaml", row.content))
			if !strings.Contains(out, row.want) || (err == nil) != strings.Contains(out, "no faults") {
				t.Errorf("printed %q (%v), want %q in it", out, err, row.want)
			}
			if strings.Contains(out, "%%") {
				t.Error("the data of a Secret is printed")
			}
		})
	}
}

func TestLintAsJSONAndFromStandardInput(t *testing.T) {
	t.Parallel()
	out, _, err := command(t, good, "lint", "-f", "-", "-o", "json")
	if err != nil || out != `{"routes":1,"faults":[]}`+"\n" {
		t.Errorf("printed %q (%v)", out, err)
	}
	out, _, err = command(t, "a: b", "lint", "-f", "-", "-o", "json")
	if err == nil || out != `{"routes":0,"faults":[{"file":"-","message":"an object has no kind"}]}`+"\n" {
		t.Errorf("printed %q (%v)", out, err)
	}
	if _, _, err := command(t, good, "lint", "-f", "-", "-o", "xml"); err == nil {
		t.Error("an unknown output was taken")
	}
	if _, _, err := command(t, "", "lint"); err == nil {
		t.Error("lint of nothing was taken")
	}
}

func TestSamplesAreWithoutFaults(t *testing.T) {
	t.Parallel()
	out, _, err := command(t, "", "lint", "-f", filepath.Join(testkit.Root(), "config", "samples"))
	if err != nil {
		t.Errorf("printed %q (%v)", out, err)
	}
}

func FuzzManifests(f *testing.F) {
	f.Add(good)
	f.Add("a: b")
	f.Add("{}")
	f.Add("---\n---\n- a\n")
	f.Add(good + "---" + good)
	s, err := newSchema()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		m := readManifests(s, compile.Options{}, strings.NewReader(content), []string{"-"})
		if len(m.faults) == 0 && len(m.routes) == 0 {
			t.Error("neither a route nor a fault")
		}
	})
}
