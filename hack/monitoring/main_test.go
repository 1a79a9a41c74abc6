package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// rule is one of a rule file.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func config() string { return filepath.Join(testkit.Root(), "config") }

// read decodes a file in YAML.
func read[T any](t *testing.T, path ...string) (of T) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{testkit.Root()}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(raw, &of); err != nil {
		t.Fatal(err)
	}
	return of
}

// all are the rules of a file.
func all(t *testing.T) (list []rule) {
	t.Helper()
	type groups struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	for _, g := range read[groups](t, "config", "monitoring", "rules.yaml").Groups {
		list = append(list, g.Rules...)
	}
	return list
}

func TestWhatIsWrittenIsFresh(t *testing.T) {
	t.Parallel()
	files, err := generate(config())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(config(), "overlays", "monitoring", name)); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what `make monitoring` writes (%v)", name, err)
		}
	}
	object := read[struct {
		APIVersion, Kind string
		Metadata         map[string]string
		Spec             struct{ Groups []map[string]any }
	}](t, "config", "overlays", "monitoring", "rules.yaml")
	if object.Kind != "PrometheusRule" || len(object.Spec.Groups) != 2 {
		t.Errorf("the object is %+v", object)
	}
}

// Whoever is woken finds a page by the alert's name: what it means, how to see it, what to do. And
// no alert stands there whose tests do not say when it fires and when it does not.
func TestEachAlertHasAPageAndTests(t *testing.T) {
	t.Parallel()
	tests := read[struct {
		RuleFiles []string `json:"rule_files"`
		Evaluate  string   `json:"evaluation_interval"`
		Tests     []struct {
			Name, Interval string
			Series         []any `json:"input_series"`
			Alerts         []struct {
				At   string `json:"eval_time"`
				Name string `json:"alertname"`
				Exp  []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}](t, "config", "monitoring", "rules_test.yaml")
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, a := range test.Alerts {
			fires[a.Name] = fires[a.Name] || len(a.Exp) > 0
			silent[a.Name] = silent[a.Name] || len(a.Exp) == 0
		}
	}
	list, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operations", "alerts.md"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range all(t) {
		if r.Alert == "" {
			continue
		}
		names = append(names, r.Alert+".md")
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s: a test where it fires: %v, where it does not: %v", r.Alert, fires[r.Alert], silent[r.Alert])
		}
		if r.For == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || !strings.HasSuffix(r.Annotations["runbook_url"], "/docs/operations/runbooks/"+r.Alert+".md") {
			t.Errorf("%s lacks for, severity, summary or the page's address: %+v", r.Alert, r)
		}
		if line := "| [" + r.Alert + "](runbooks/" + r.Alert + ".md) | " + r.Labels["severity"] + " | "; !strings.Contains(string(list), line) {
			t.Errorf("docs/operations/alerts.md has no line %s", line)
		}
		page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operations", "runbooks", r.Alert+".md"))
		if err != nil {
			t.Error(err)
		}
		for _, part := range []string{"# " + r.Alert + "\n", "`" + r.Labels["severity"] + "`, after " + r.For, "\n## What it means\n", "\n## How to see it\n", "\n## What to do\n"} {
			if !strings.Contains(string(page), part) {
				t.Errorf("the page of %s has no %q", r.Alert, part)
			}
		}
	}
	entries, err := os.ReadDir(filepath.Join(testkit.Root(), "docs", "operations", "runbooks"))
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, e := range entries {
		pages = append(pages, e.Name())
	}
	if slices.Sort(names); !slices.Equal(names, pages) || len(names) < 10 {
		t.Errorf("alerts are %v, pages %v", names, pages)
	}
}

// Whatever alerts and dashboard ask for is a metric that docs/operations/metrics.md lists.
func TestQueriesAskForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operations", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, r := range all(t) {
		asked = append(asked, r.Expr)
	}
	for _, r := range rows() {
		for _, p := range r.panels {
			for _, q := range p.queries {
				asked = append(asked, q.expression)
			}
		}
	}
	n := 0
	for _, name := range regexp.MustCompile(`\bfanout_[a-z_]+`).FindAllString(strings.Join(asked, "\n"), -1) {
		n++
		if !strings.Contains(string(page), "`"+strings.TrimSuffix(name, "_bucket")+"`") {
			t.Errorf("%s is asked for, and listed nowhere", name)
		}
	}
	if n < 50 {
		t.Errorf("only %d names are asked for", n)
	}
}
