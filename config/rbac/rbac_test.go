package rbac_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// rights are pairs of a role's name and what it grants, by where that was found.
type rights map[string]map[string]string

func (r rights) add(role, right, where string) {
	if r[role] == nil {
		r[role] = map[string]string{}
	}
	r[role][right] = where
}

// ofRole tells a role from other objects.
var ofRole = regexp.MustCompile(`(?m)^kind: ["']?(Cluster)?Role["']?\s*$`)

// action is what a Helm template says between braces; what a line says that begins with one
// is about other lines.
var action = regexp.MustCompile(`{{[^}]*}}`)

// shipped reads the roles out of a file, of kustomize or of the chart.
func (r rights) shipped(t *testing.T, name string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(testkit.Root(), name))
	if err != nil {
		t.Fatal(err)
	}
	var plain strings.Builder
	for line := range strings.Lines(string(content)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "{{") {
			plain.WriteString(action.ReplaceAllString(strings.ReplaceAll(line, "{{ $.Release.Name }}", "fanout"), "x"))
		}
	}
	for document := range strings.SplitSeq(plain.String(), "\n---\n") {
		if !ofRole.MatchString(document) {
			continue
		}
		role := rbacv1.ClusterRole{}
		if err := yaml.Unmarshal([]byte(document), &role); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if role.AggregationRule != nil {
			t.Errorf("%s: %s grants what others say", name, role.Name)
		}
		for _, rule := range role.Rules {
			if len(rule.NonResourceURLs) > 0 {
				t.Errorf("%s: %s grants addresses, which the page has no form for", name, role.Name)
			}
			for _, right := range spelled(rule) {
				r.add(role.Name, right, name)
			}
		}
	}
}

// spelled are the verbs of a rule, each with what it is about, as the page names it.
func spelled(rule rbacv1.PolicyRule) (list []string) {
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			name, sub, _ := strings.Cut(resource, "/")
			if group != "" {
				name += "." + group
			}
			if sub != "" {
				name += "/" + sub
			}
			name = "`" + name + "`"
			if len(rule.ResourceNames) > 0 {
				name += fmt.Sprintf(" named `%s`", strings.Join(rule.ResourceNames, "`, `"))
			}
			for _, verb := range rule.Verbs {
				list = append(list, verb+" "+name)
			}
		}
	}
	return list
}

// page reads the tables of docs/security/rbac.md.
func page(t *testing.T) rights {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "security", "rbac.md"))
	if err != nil {
		t.Fatal(err)
	}
	named, role := rights{}, ""
	for line := range strings.Lines(string(content)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			role = strings.TrimSpace(heading)
		}
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		reason := strings.TrimSpace(cells[3])
		for verb := range strings.SplitSeq(cells[2], ",") {
			right := strings.TrimSpace(verb) + " " + strings.TrimSpace(cells[1])
			if reason == "" {
				t.Errorf("%s: %q has no reason", role, right)
			}
			if named[role][right] != "" {
				t.Errorf("%s: %q has two lines", role, right)
			}
			named.add(role, right, reason)
		}
	}
	return named
}

// files are all that may hold a role.
func files(t *testing.T) (list []string) {
	t.Helper()
	for _, folder := range []string{"config", "charts"} {
		err := filepath.WalkDir(filepath.Join(testkit.Root(), folder), func(path string, _ os.DirEntry, err error) error {
			name, _ := filepath.Rel(testkit.Root(), path) // below it
			if filepath.Ext(path) == ".yaml" && !strings.Contains(name, "/crd") && filepath.Base(path) != "values.yaml" {
				list = append(list, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// Whoever installs it reads what each right is for before granting it, and a right that is
// added for a moment's need does not stay unexplained.
func TestEachVerbHasItsReason(t *testing.T) {
	t.Parallel()
	granted, named := rights{}, page(t)
	for _, name := range files(t) {
		granted.shipped(t, name)
	}
	if len(granted) < 6 {
		t.Fatalf("found the roles %q alone", slices.Sorted(maps.Keys(granted)))
	}
	for role, list := range granted {
		for right, where := range list {
			if named[role][right] == "" {
				t.Errorf("%s: %s grants %q, of which docs/security/rbac.md says nothing", where, role, right)
			}
		}
	}
	for role, list := range named {
		for right := range list {
			if granted[role][right] == "" {
				t.Errorf("docs/security/rbac.md says that %s grants %q, and it does not", role, right)
			}
		}
	}
}

// What would make of the operator's rights any others, or of a template's user one that
// reads Secrets, is in no role.
func TestNoRoleGrantsMoreThanItNames(t *testing.T) {
	t.Parallel()
	granted := rights{}
	for _, name := range files(t) {
		granted.shipped(t, name)
	}
	for role, list := range granted {
		for right, where := range list {
			verb, what, _ := strings.Cut(right, " ")
			switch {
			case strings.Contains(right, "*"):
				t.Errorf("%s: %s grants %q: all of what comes one day", where, role, right)
			case slices.Contains([]string{"escalate", "bind", "impersonate", "deletecollection"}, verb):
				t.Errorf("%s: %s grants %q", where, role, right)
			case strings.HasPrefix(what, "`secrets`") && (role != "fanout-secret-metadata" || verb == "get"),
				strings.Contains(what, "rbac.authorization.k8s.io"), strings.HasPrefix(what, "`serviceaccounts"):
				t.Errorf("%s: %s grants %q", where, role, right)
			}
		}
	}
}
