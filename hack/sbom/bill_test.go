package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// linked is a program with modules of others; a program of tests tells of none.
func linked(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "soak")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", name, "../soak").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return name
}

// program is that of the tests.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// What `go version -m` shows of a program is in its bill, module for module, with version and
// sum.
func TestABillHasWhatGoVersionShows(t *testing.T) {
	t.Parallel()
	name := linked(t)
	content, parts, err := describe(name, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	b := inForm(t, content, parts)
	shown, err := exec.CommandContext(t.Context(), "go", "version", "-m", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"std " + strings.TrimPrefix(runtime.Version(), "go"): ""}
	for line := range strings.Lines(string(shown)) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == "dep" {
			want[f[1]+" "+f[2]] = f[3]
		}
	}
	got := map[string]string{}
	for _, c := range b.Components {
		sum := ""
		if len(c.Properties) == 1 {
			sum = c.Properties[0].Value
		}
		got[c.Name+" "+c.Version] = sum
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 20 {
		t.Errorf("the bill differs from what go shows (-shown +bill):\n%s", diff)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(raw)); b.Metadata.Component.Hashes[0].Content != want {
		t.Errorf("the program's hash is %s, want %s", b.Metadata.Component.Hashes[0].Content, want)
	}
}

// inForm reads a bill as those do who know CycloneDX 1.6 alone.
func inForm(t *testing.T, content []byte, parts int) bill {
	t.Helper()
	b := bill{}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Spec != "1.6" || b.Version != 1 || len(b.Components) != parts {
		t.Errorf("the bill begins %q %q %d, with %d components", b.Format, b.Spec, b.Version, len(b.Components))
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(b.Serial) {
		t.Errorf("the serial number is %q", b.Serial)
	}
	refs := map[string]bool{b.Metadata.Component.Ref: true}
	for _, c := range b.Components {
		if refs[c.Ref] || c.Ref == "" || !strings.HasPrefix(c.URL, "pkg:golang/") {
			t.Errorf("component %+v: its reference is there twice, or is none", c)
		}
		refs[c.Ref] = true
	}
	if d := b.Dependencies; len(d) != 1 || d[0].Ref != b.Metadata.Component.Ref || len(d[0].Uses) != parts {
		t.Errorf("the dependencies are %+v", d)
	}
	for _, ref := range b.Dependencies[0].Uses {
		if !refs[ref] {
			t.Errorf("%s is needed and no component", ref)
		}
	}
	return b
}

// The form that readers of CycloneDX 1.6 insist on; and nothing in it depends on when or
// where it is written.
func TestABillIsOfCycloneDXAndAlwaysTheSame(t *testing.T) {
	t.Parallel()
	first, parts, err := describe(program(t), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), filepath.Base(program(t)))
	raw, err := os.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	second, _, err := describe(copied, "v1.2.3")
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the bill of the same program elsewhere differs: %s, error %v", cmp.Diff(string(first), string(second)), err)
	}
	inForm(t, first, parts)
}

// What was linked counts, and what is not a sum of go.sum is no hash.
func TestModulesAsTheyWereLinked(t *testing.T) {
	t.Parallel()
	sum := "h1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	c, err := library(&debug.Module{Path: "example.com/a", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/B", Version: "v2.0.0+incompatible", Sum: sum}})
	if err != nil {
		t.Fatal(err)
	}
	want := component{
		Type: "library", Name: "example.com/B", Version: "v2.0.0+incompatible", URL: "pkg:golang/example.com/b@v2.0.0%2Bincompatible",
		Ref:        "pkg:golang/example.com/b@v2.0.0%2Bincompatible",
		Hashes:     []hash{{"SHA-256", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}},
		Properties: []property{{"go:sum", sum}},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, sum := range []string{"h2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "h1:AAEC", "h1:?"} {
		if c, err := library(&debug.Module{Path: "example.com/a", Version: "v1.0.0", Sum: sum}); err == nil {
			t.Errorf("%q is taken for a sum: %+v", sum, c.Hashes)
		}
	}
}

// A file that go did not make has no bill, rather than an empty one.
func TestWhatIsNoProgramHasNoBill(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, programs := range [][]string{{name}, {filepath.Join(t.TempDir(), "none")}, nil} {
		if err := run(t.TempDir(), "", programs); err == nil {
			t.Errorf("%q has a bill", programs)
		}
	}
}
