package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reported is a run over so many guards, the first of which were noticed, the next not,
// and the last did not compile.
func reported(found, missed, broken int, explained ...string) *report {
	r := &report{reasons: map[string]bool{}}
	for _, name := range explained {
		r.reasons[name] = true
	}
	for i := range found + missed + broken {
		r.known = append(r.known, guard{file: "p/p.go", name: fmt.Sprintf("p/p.go f: %d", i)})
	}
	for i := range r.known {
		t := trial{guard: &r.known[i], result: noticed}
		if i >= found {
			t.result = unnoticed
		}
		if i >= found+missed {
			t.result = unbuilt
		}
		r.tried = append(r.tried, t)
	}
	return r
}

func TestNineteenOfTwentyHaveToBeNoticed(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		report *report
		want   string
	}{
		"just enough":                       {reported(95, 5, 0), ""},
		"one too few":                       {reported(94, 6, 0), "94 of 100 guards were noticed, less than 95 %"},
		"what does not compile is no proof": {reported(94, 6, 50), "94 of 100 guards were noticed, less than 95 %"},
		"one of them is explained":          {reported(95, 6, 0, "p/p.go f: 95"), ""},
		"one that was noticed is explained": {reported(94, 6, 0, "p/p.go f: 3"), "94 of 100 guards were noticed, less than 95 %"},
		"all are explained":                 {reported(0, 1, 0, "p/p.go f: 0"), ""},
		"nothing was tried":                 {reported(0, 0, 0), "nothing was tried"},
		"nothing compiles":                  {reported(0, 0, 9), "nothing was tried"},
		"what is explained is gone":         {reported(9, 0, 0, "p/p.go g: 1"), "these are explained, and not there:\n  p/p.go g: 1"},
		"another package was not looked at": {reported(9, 0, 0, "q/q.go g: 1"), ""},
	} {
		got := ""
		if err := row.report.judge(); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

func TestReportNamesWhatWasNotNoticed(t *testing.T) {
	t.Parallel()
	r := reported(1, 2, 1, "p/p.go f: 0", "p/p.go f: 1")
	r.tried[0].by, r.untried = "TestA", 7
	var out strings.Builder
	r.write(&out)
	want := `
noticed 1 of 3 guards, 1 more are explained, 1 are neither; 1 do not compile; 7 were not tried for want of time
  explained, but noticed by TestA: p/p.go f: 0
  explained: p/p.go f: 1
  not noticed: p/p.go f: 2 (line 0)
  does not compile: p/p.go f: 3
`
	if got := out.String(); got != want {
		t.Errorf("the report is\n%s\nwant\n%s", got, want)
	}
}

func TestExplanationsAreListItems(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "docs.md")
	content := "# Title\n- `a/b.go f: x`: because.\n- `` a/b.go T.g: y != \"|\" ``: because\n  of `a/c.go h: z`: no.\n- `make mutate`: no name.\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := explanations(file)
	if got := slices.Sorted(maps.Keys(names)); err != nil || !slices.Equal(got, []string{`a/b.go T.g: y != "|"`, "a/b.go f: x"}) {
		t.Errorf("explained are %q, %v", got, err)
	}
	if names, err := explanations(file + ".not"); err != nil || len(names) != 0 {
		t.Errorf("without a document %d are explained, %v", len(names), err)
	}
}

// What docs/mutation.md explains is there, by the name that it has.
func TestExplainedGuardsAreThere(t *testing.T) {
	t.Parallel()
	all, err := guards(options{root: "../..", folders: usual()})
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := explanations("../../docs/mutation.md")
	if err != nil {
		t.Fatal(err)
	}
	if names := (&report{known: all, reasons: reasons}).stale(); len(names) > 0 {
		t.Errorf("docs/mutation.md explains what is not there:\n%s", strings.Join(names, "\n"))
	}
}
