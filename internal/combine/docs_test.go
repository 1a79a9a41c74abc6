package combine

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func semantics(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../../docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// An example is a comment that names the case and the route, what the backends do,
// and what the client gets. Bodies are compared without the space that makes them
// readable.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	doc := semantics(t)
	example := regexp.MustCompile("(?s)<!-- case: (.+?)\\.( [^.]*=[^.]*)? -->\n```text\n(.+?)\n```\n```http\n(.+?)\n```\n")
	found := example.FindAllStringSubmatch(doc, -1)
	if want := strings.Count(doc, "<!-- case:"); len(found) != want || want == 0 || want != strings.Count(doc, "```http") {
		t.Fatalf("%d of %d examples are complete", len(found), want)
	}
	for _, e := range found {
		t.Run(e[1], func(t *testing.T) {
			t.Parallel()
			response := parseRoute(e[2]).play(t, strings.Split(e[3], "\n")...)
			if got, want := unspaced(show(response)), unspaced(e[4]); got != want {
				t.Errorf("got\n%s\nnot\n%s", got, want)
			}
		})
	}
}

// unspaced drops the space of a body that is JSON.
func unspaced(response string) string {
	head, body, _ := strings.Cut(strings.TrimSpace(response), "\n\n")
	var b bytes.Buffer
	if json.Compact(&b, []byte(body)) == nil {
		body = b.String()
	}
	return head + "\n\n" + body
}

func TestDocumentedTruthTable(t *testing.T) {
	t.Parallel()
	doc := semantics(t)
	_, table, ok := strings.Cut(doc, "<!-- table:")
	if !ok {
		t.Fatal("no table")
	}
	words, table, _ := strings.Cut(table, " -->\n")
	_, words, _ = strings.Cut(words, "; ")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	types := cells(rows[0])[3:]
	for _, row := range rows[2:] {
		cell := cells(row)
		policy, answers, outcome := cell[0], strings.Split(cell[1], ", "), cell[2]
		if len(answers) != 3 || len(types) != 5 || len(cell) != 8 {
			t.Fatalf("row %q", row)
		}
		lines := make([]string, len(answers))
		for i, answer := range answers {
			lines[i] = string(rune('a'+i)) + ": " + strings.Replace(answer, "text", "200 text/plain hello", 1)
		}
		for i, kind := range types {
			t.Run(policy+" "+cell[1]+" "+kind, func(t *testing.T) {
				t.Parallel()
				want, other, _ := strings.Cut(cell[3+i], " ")
				if other == "" {
					other = outcome
				}
				got := parseRoute(words+" policy="+policy+" type="+kind).play(t, lines...)
				if strconv.Itoa(got.Status) != want || got.Outcome.String() != other || got.Header.Get("Fanout-Outcome") != other {
					t.Errorf("%d %s, not %s %s", got.Status, got.Outcome, want, other)
				}
			})
		}
	}
}

func cells(row string) []string {
	out := strings.Split(strings.Trim(row, "|"), "|")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}
