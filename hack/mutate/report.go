package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// result is what became of a guard that was taken out.
type result int

const (
	unnoticed result = iota // all tests passed
	noticed                 // one failed, or they did not come to an end
	unbuilt                 // there was nothing to run: it says nothing of the tests
)

// trial is one guard that was taken out.
type trial struct {
	guard  *guard
	result result
	by     string // who noticed
	took   time.Duration
}

// String is a line of the report.
func (t trial) String() string {
	switch t.result {
	case noticed:
		return fmt.Sprintf("noticed by %s (%.1f s): %s", t.by, t.took.Seconds(), t.guard.name)
	case unbuilt:
		return "does not compile: " + t.guard.name
	case unnoticed:
	}
	return fmt.Sprintf("NOT NOTICED (%.1f s), line %d, it %s: %s", t.took.Seconds(), t.guard.line, t.guard.does, t.guard.name)
}

// explanations reads the names of guards that a document explains: its list items that
// begin with a name in backticks, as a report writes it.
func explanations(file string) (map[string]bool, error) {
	content, err := os.ReadFile(filepath.Clean(file))
	if errors.Is(err, os.ErrNotExist) {
		return map[string]bool{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read explanations: %w", err)
	}
	names := map[string]bool{}
	for _, item := range regexp.MustCompile("(?m)^- `+ ?([^`\n]+\\.go [^\n]+?) ?`+:? ").FindAllSubmatch(content, -1) {
		names[string(item[1])] = true
	}
	return names, nil
}

// report is a run.
type report struct {
	reasons map[string]bool // the names that are explained
	known   []guard         // all that there are, tried or not
	tried   []trial
	untried int // for want of time
}

// count is how many trials had a result, without those that are explained.
func (r *report) count(of result) (n int) {
	for _, t := range r.tried {
		if t.result == of && (of == noticed || !r.reasons[t.guard.name]) {
			n++
		}
	}
	return n
}

// explained is how many nobody noticed, as the document says.
func (r *report) explained() (n int) {
	for _, t := range r.tried {
		if t.result == unnoticed && r.reasons[t.guard.name] {
			n++
		}
	}
	return n
}

// stale are names that are explained of packages that were looked at, and that no guard has.
func (r *report) stale() (names []string) {
	files := map[string]bool{}
	here := map[string]bool{}
	for i := range r.known {
		files[filepath.Dir(r.known[i].file)], here[r.known[i].name] = true, true
	}
	for name := range r.reasons {
		file, _, _ := strings.Cut(name, " ")
		if files[filepath.Dir(file)] && !here[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *report) write(out io.Writer) {
	fmt.Fprintf(out, "\nnoticed %d of %d guards", r.count(noticed), r.count(noticed)+r.count(unnoticed)+r.explained())
	fmt.Fprintf(out, ", %d more are explained, %d are neither; %d do not compile", r.explained(), r.count(unnoticed), r.count(unbuilt))
	if r.untried > 0 {
		fmt.Fprintf(out, "; %d were not tried for want of time", r.untried)
	}
	fmt.Fprintln(out)
	for _, t := range r.tried {
		switch said := r.reasons[t.guard.name]; {
		case t.result == unnoticed && said:
			fmt.Fprintf(out, "  explained: %s\n", t.guard.name)
		case t.result == unnoticed:
			fmt.Fprintf(out, "  not noticed: %s (line %d)\n", t.guard.name, t.guard.line)
		case t.result == unbuilt:
			fmt.Fprintf(out, "  does not compile: %s\n", t.guard.name)
		case said:
			fmt.Fprintf(out, "  explained, but noticed by %s: %s\n", t.by, t.guard.name)
		}
	}
}

// judge says what does not hold.
func (r *report) judge() error {
	if names := r.stale(); len(names) > 0 {
		return fmt.Errorf("these are explained, and not there:\n  %s", strings.Join(names, "\n  "))
	}
	found, missed := r.count(noticed), r.count(unnoticed)
	if found+missed == 0 && r.explained() == 0 {
		return errors.New("nothing was tried")
	}
	if found*100 < wanted*(found+missed) {
		return fmt.Errorf("%d of %d guards were noticed, less than %d %%", found, found+missed, wanted)
	}
	return nil
}
