package problem_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func TestProblemIsJSONWhateverItSays(t *testing.T) {
	t.Parallel()
	p := problem.Problem{Kind: problem.Conflict, Status: 502, Detail: "line\nand \xff byte"}
	got := string(p.Append([]byte("before")))
	want := `before{"type":"https://fanout.dev/problems/conflict","title":"Conflicting values","status":502,"detail":"line\nand ` + "\uFFFD" + ` byte"}`
	if got != want || !json.Valid([]byte(got[len("before"):])) {
		t.Errorf("%s", got)
	}
	p.Detail = ""
	if got := string(p.Append(nil)); got != `{"type":"https://fanout.dev/problems/conflict","title":"Conflicting values","status":502}` {
		t.Errorf("%s", got)
	}
}

// Each kind has a slug and a title of its own, that JSON does not escape, and a row of the
// documentation, which has no other.
func TestDocumentedProblems(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "semantics.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "### Problems\n")
	section, _, _ = strings.Cut(section, "\n#")
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(section, -1) {
		documented[row[1]] = row[2]
	}
	seen := map[string]bool{}
	for _, kind := range problem.Kinds() {
		slug, title := kind.Slug(), kind.Title()
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(slug) || !regexp.MustCompile(`^[A-Z][a-z ]+$`).MatchString(title) || seen[slug] {
			t.Errorf("kind %d is called %q, %q", kind, slug, title)
		}
		seen[slug] = true
		if documented[slug] != title {
			t.Errorf("%s, %q, stands as %q in docs/semantics.md", slug, title, documented[slug])
		}
	}
	if len(documented) != len(problem.Kinds()) {
		t.Errorf("docs/semantics.md lists %d problems, there are %d", len(documented), len(problem.Kinds()))
	}
}
