package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newModule writes a module of one package, whose tests notice three guards of four: one
// by what it returns, one by a panic, and one because they hang without it.
func newModule(t *testing.T) options {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"p/p.go": `package p

func held(n int) int {
	if n < 0 {
		return 0
	}
	return n
}

func loose(n int) int {
	if n < 0 {
		return 0
	}
	return n
}

func endless(n int) int {
	for {
		if n--; n < 0 {
			return n
		}
	}
}

func first(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return list[0]
}
`,
		"p/p_test.go": `package p

import "testing"

func TestHeld(t *testing.T) {
	if held(-1) != 0 || held(1) != 1 {
		t.Error("not held")
	}
}

func TestLoose(t *testing.T) { loose(-1) }

func TestEndless(t *testing.T) { endless(3) }

func TestFirst(t *testing.T) { first(nil) }
`,
		"p/other_plan9.go": "package p\n\nfunc f() { if true { return } }\n",
		"docs.md":          "",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return options{
		root: root, explained: filepath.Join(root, "docs.md"), folders: []string{"p"}, most: 10,
		within: time.Hour, grace: 2 * time.Second, parallel: 1,
	}
}

// The run tells what was noticed, by whom, and what was not; the tree stays as it is.
func TestRunReportsWhatNobodyNoticed(t *testing.T) {
	t.Parallel()
	o := newModule(t)
	before, err := os.ReadFile(filepath.Join(o.root, "p/p.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = run(t.Context(), &out, o)
	if err == nil || err.Error() != "3 of 4 guards were noticed, less than 95 %" {
		t.Errorf("the run ends with %v", err)
	}
	for _, line := range []string{
		"4 guards in p, 4 of them by seed 0\n",
		"noticed by TestHeld (",
		"noticed by test timed out (",
		"noticed by TestFirst (",
		"\nnoticed 3 of 4 guards, 0 more are explained, 1 are neither; 0 do not compile\n",
		"\n  not noticed: p/p.go loose: n < 0 (line 11)\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the report lacks %q:\n%s", line, out.String())
		}
	}
	if after, err := os.ReadFile(filepath.Join(o.root, "p/p.go")); err != nil || string(after) != string(before) {
		t.Errorf("the source has changed, %v", err)
	}
	if err := os.WriteFile(o.explained, []byte("- `p/p.go loose: n < 0`: nobody asks for less.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.only = "loose"
	out.Reset()
	if err := run(t.Context(), &out, o); err != nil || !strings.Contains(out.String(), "0 of 1 guards, 1 more are explained, 0 are neither") {
		t.Errorf("of one that is explained: %v\n%s", err, out.String())
	}
}

// newTrial is a laboratory for a module of the test's own, and the guards of that.
func newTrial(t *testing.T) (*laboratory, []guard, options) {
	t.Helper()
	o := newModule(t)
	l, err := newLaboratory(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	all, err := guards(o)
	if err != nil {
		t.Fatal(err)
	}
	return l, all, o
}

// A guard without which nothing compiles was not noticed by any test.
func TestWhatDoesNotCompileIsCountedApart(t *testing.T) {
	t.Parallel()
	l, all, _ := newTrial(t)
	got, err := l.try(t.Context(), &guard{file: "p/p.go", source: all[0].source, name: "cut in half", from: 30, to: 31})
	if err != nil || got.result != unbuilt || got.String() != "does not compile: cut in half" {
		t.Errorf("got %v, %v", got, err)
	}
}

// What is edited while it is tried is no longer what was drawn.
func TestEditsEndTheRun(t *testing.T) {
	t.Parallel()
	l, all, o := newTrial(t)
	if err := os.WriteFile(filepath.Join(o.root, "p/p.go"), []byte("package p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.try(t.Context(), &all[0]); err == nil || !strings.Contains(err.Error(), "p/p.go was edited meanwhile") {
		t.Errorf("the run goes on, %v", err)
	}
}

func TestTestsHaveToPassWithAllGuards(t *testing.T) {
	t.Parallel()
	o := newModule(t)
	failing := "package p\n\nimport \"testing\"\n\nfunc TestBroken(t *testing.T) { t.Error(\"broken\") }\n"
	if err := os.WriteFile(filepath.Join(o.root, "p/broken_test.go"), []byte(failing), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), &out, o); err == nil || !strings.Contains(err.Error(), "tests of ./p with all guards") || !strings.Contains(err.Error(), "TestBroken") {
		t.Errorf("the run ends with %v", err)
	}
}

// What was tried when the time was up is a sample, and says so; a run that is interrupted
// is none.
func TestRunEndsInTime(t *testing.T) {
	t.Parallel()
	o := newModule(t)
	o.within = 0
	var out strings.Builder
	if err := run(t.Context(), &out, o); err == nil || !strings.Contains(out.String(), "; 4 were not tried for want of time\n") {
		t.Errorf("without time: %v\n%s", err, out.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, &out, o); err == nil {
		t.Error("a run that was interrupted is well")
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	out := &tail{}
	for range 100 {
		if n, err := out.Write(make([]byte, 10_000)); n != 10_000 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, _ = out.Write([]byte("\n--- FAIL: TestLast (0.00s)\n"))
	if len(out.last) > 2*tailSize || noticer(out.last) != "TestLast" {
		t.Errorf("of a megabyte %d bytes are kept, which say %q", len(out.last), noticer(out.last))
	}
}
