package testkit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit"
)

const module = "github.com/fanout-operator/fanout"

// listed is a package as `go list` knows it.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func list(t *testing.T, patterns ...string) map[string]listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-json=ImportPath,Imports,Deps,Standard"}, patterns...)...)
	cmd.Dir = testkit.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]listed{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		p := listed{}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}

// The data plane runs without Kubernetes: nothing that it links comes from there. Nor does it
// link what runs workflows that documents describe (docs/adr/0004-openapi.md).
func TestDataPlaneLinksNothingOfKubernetes(t *testing.T) {
	t.Parallel()
	packages := list(t, "./cmd/proxy")
	if len(packages[module+"/cmd/proxy"].Deps) < 100 {
		t.Fatal("the proxy's dependencies were not found")
	}
	for name := range packages {
		for _, banned := range []string{"k8s.io/", "sigs.k8s.io/", "github.com/pb33f/", module + "/api/", module + "/controllers"} {
			if strings.HasPrefix(name, banned) {
				t.Errorf("the proxy links %s", name)
			}
		}
	}
}

// Who may import whom: docs/architecture.md draws it. What is not listed may import
// nothing of ours.
func TestImports(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{
		"api/v1alpha1":         "",
		"config/crd":           "",
		"config/kustomize":     "",
		"config/rbac":          "",
		"cmd/operator":         "api/v1alpha1 controllers internal/build internal/compile internal/desired internal/injector internal/lookout internal/process internal/rates internal/stats internal/survey",
		"cmd/proxy":            "internal/build internal/bulk internal/dial internal/proxy internal/stats",
		"cmd/fanoutctl":        "internal/cli",
		"controllers":          "api/v1alpha1 api/v1alpha1/applyconfiguration/api/v1alpha1 internal/compile internal/desired internal/pods internal/rates internal/report internal/routeconfig internal/writes",
		"internal/cli":         "api/v1alpha1 config/crd internal/build internal/compile internal/creds internal/dashboard internal/desired internal/dial internal/judge internal/jwt internal/openapi internal/pods internal/proxy internal/routeconfig internal/schema internal/stats internal/survey",
		"internal/survey":      "api/v1alpha1 internal/calls internal/dashboard internal/pods internal/rates internal/stats",
		"internal/lookout":     "api/v1alpha1 internal/dashboard",
		"internal/injector":    "api/v1alpha1 internal/compile internal/desired internal/pods internal/routeconfig internal/selfsigned",
		"internal/process":     "",
		"internal/compile":     "api/v1alpha1 internal/expression internal/headers internal/judge internal/routeconfig",
		"internal/desired":     "api/v1alpha1 internal/routeconfig",
		"internal/report":      "api/v1alpha1 internal/pods internal/rates internal/stats internal/writes",
		"internal/pods":        "api/v1alpha1 internal/desired",
		"internal/rates":       "api/v1alpha1 internal/stats internal/wire internal/writes",
		"internal/build":       "",
		"internal/bulk":        "",
		"internal/proxy":       "internal/backend internal/build internal/bulk internal/calls internal/carrier internal/combine internal/creds internal/dial internal/exposition internal/expression internal/fanout internal/gate internal/headers internal/jwt internal/memory internal/problem internal/quota internal/rawjson internal/routeconfig internal/stats internal/trace",
		"internal/exposition":  "internal/stats",
		"internal/gate":        "internal/body internal/creds internal/expression internal/fanout internal/headers internal/judge internal/jwt internal/memory internal/openapi internal/problem internal/quota internal/rawjson internal/routeconfig",
		"internal/trace":       "internal/carrier internal/creds internal/dial internal/fanout internal/routeconfig",
		"internal/quota":       "internal/carrier internal/creds internal/dial internal/routeconfig",
		"internal/backend":     "internal/body internal/breaker internal/carrier internal/creds internal/dial internal/expression internal/fanout internal/h1 internal/h2 internal/headers internal/memory internal/outgoing internal/quota internal/routeconfig internal/sign internal/stats internal/tether",
		"internal/calls":       "internal/fanout internal/stats",
		"internal/dashboard":   "api/v1alpha1 internal/calls internal/fanout internal/rates internal/stats",
		"internal/breaker":     "internal/fanout internal/routeconfig internal/stats",
		"internal/carrier":     "internal/creds internal/dial internal/fanout internal/h1 internal/h2 internal/routeconfig",
		"internal/sign":        "internal/headers internal/routeconfig",
		"internal/outgoing":    "internal/expression internal/fanout internal/headers internal/memory internal/routeconfig",
		"internal/combine":     "internal/fanout internal/headers internal/memory internal/problem internal/rawjson internal/routeconfig",
		"internal/writes":      "",
		"internal/stats":       "internal/fanout internal/rawjson",
		"internal/fanout":      "internal/memory internal/tether",
		"internal/body":        "internal/memory",
		"internal/memory":      "",
		"internal/problem":     "internal/rawjson",
		"internal/rawjson":     "",
		"internal/judge":       "internal/rawjson",
		"internal/openapi":     "internal/judge internal/rawjson",
		"internal/expression":  "internal/rawjson",
		"internal/h1":          "internal/tether internal/wire",
		"internal/h2":          "internal/tether",
		"internal/tether":      "",
		"internal/wire":        "internal/tether",
		"internal/headers":     "",
		"internal/jwt":         "internal/creds internal/dial internal/rawjson internal/routeconfig",
		"internal/creds":       "internal/dial internal/routeconfig",
		"internal/dial":        "internal/bulk internal/fanout",
		"internal/schema":      "config/crd",
		"internal/selfsigned":  "",
		"internal/routeconfig": "",
	}
	for name, p := range list(t, "./...") {
		name, ours := strings.CutPrefix(name, module+"/")
		if !ours || strings.Contains(name, "applyconfiguration") || strings.HasPrefix(name, "internal/testkit") || strings.HasPrefix(name, "hack/") {
			continue
		}
		may, known := allowed[name]
		if !known {
			t.Errorf("%s is in no layer: add it here and to docs/architecture.md", name)
		}
		for _, imported := range p.Imports {
			if imported, ours := strings.CutPrefix(imported, module+"/"); ours && !slices.Contains(strings.Fields(may), imported) {
				t.Errorf("%s must not import %s", name, imported)
			}
		}
		depth := strings.Count(name, "/")
		if strings.HasPrefix(name, "internal/") && depth > 2 {
			t.Errorf("%s is deeper than two below internal", name)
		}
		if slices.Contains([]string{"util", "utils", "common", "helpers", "types", "manager"}, filepath.Base(name)) {
			t.Errorf("%s says nothing of what it holds", name)
		}
	}
}

// The drawing of docs/architecture.md is true: whatever stands right of an arrow is imported
// by something on its left, and imports nothing of that, however far down.
func TestTheDrawingOfImportsIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Who imports whom\n")
	section, _, _ = strings.Cut(section, "\n## ")
	packages, arrows := list(t, "./..."), 0
	for line := range strings.Lines(section) {
		drawn, indented := strings.CutPrefix(line, "    ")
		if !indented {
			continue
		}
		var above []listed
		for i, group := range strings.Split(drawn, "→") {
			var here []listed
			for name := range strings.SplitSeq(group, ",") {
				p, known := packages[pathOf(strings.TrimSpace(name))]
				if !known {
					t.Errorf("there is no package %q", name)
				}
				here = append(here, p)
			}
			if i > 0 {
				arrows++
				judgeArrow(t, above, here)
			}
			above = here
		}
	}
	if arrows < 5 {
		t.Errorf("found %d arrows", arrows)
	}
}

// pathOf is the import path of a package as it is drawn.
func pathOf(name string) string {
	switch {
	case name == "api":
		return module + "/api/v1alpha1"
	case name == "controllers" || strings.HasPrefix(name, "cmd/"):
		return module + "/" + name
	}
	return module + "/internal/" + name
}

func judgeArrow(t *testing.T, above, below []listed) {
	t.Helper()
	for _, b := range below {
		if !slices.ContainsFunc(above, func(a listed) bool { return slices.Contains(a.Imports, b.ImportPath) }) {
			t.Errorf("nothing left of its arrow imports %s", b.ImportPath)
		}
		for _, a := range above {
			if slices.Contains(b.Deps, a.ImportPath) {
				t.Errorf("%s imports %s, against its arrow", b.ImportPath, a.ImportPath)
			}
		}
	}
}

// Nothing but tests imports the test kit.
func TestTheTestKitStaysInTests(t *testing.T) {
	t.Parallel()
	for name, p := range list(t, "./...") {
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, module+"/internal/testkit") && !strings.HasPrefix(name, module+"/internal/testkit") {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}
