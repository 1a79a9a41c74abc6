package combine

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// show writes a response as docs and golden files have it.
func show(r Response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", r.Status)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, line := range r.Header[name] {
			fmt.Fprintf(&b, "\n%s: %s", name, line)
		}
	}
	fmt.Fprintf(&b, "\n\n%s\n", r.Body)
	return b.String()
}

func patterns() [][]string {
	return [][]string{
		{"all succeed", "a: 200", "b: 200", "c: 200"},
		{"the last fails", "a: 200", "b: 200", "c: 500"},
		{"the first fails", "a: 500", "b: 200", "c: 200"},
		{"one succeeds", "a: 200", "b: 404", "c: 404"},
		{"the last is rejected", "a: 200", "b: 200", "c: rateLimited 1500ms"},
		{"the last is not JSON", "a: 200", "b: 200", "c: 200 text/plain hello"},
		{"the last is skipped", "a: 200", "b: 200", "c: skipped"},
		{"none has a body", "a: 204", "b: 202", "c: 205"},
		{"all fail alike", "a: 404", "b: 404", "c: 404"},
		{"all fail unlike", "a: 404", "b: connect", "c: timeout"},
		{"all are late", "a: timeout", "b: timeout", "c: timeout"},
		{"all are busy", "a: 429 Retry-After=7", "b: 503", "c: 429 Retry-After=3"},
		{"all are rejected", "a: rateLimited 1500ms", "b: circuitOpen", "c: overloaded 1s"},
		{"all are skipped", "a: skipped", "b: skipped", "c: skipped"},
	}
}

// Every policy, failure pattern and response type, with status, header and body.
// The rows are written by hand in docs/semantics.md; this holds them to the byte.
//
// Case A4 of the field.
func TestA4NoFailureWithoutATrace(t *testing.T) {
	t.Parallel()
	policies := []string{"All", "Any", "Quorum quorum=2", "Required required=a", "BestEffort"}
	for _, kind := range []string{"Envelope", "Merge", "Group", "First", "Primary"} {
		var b strings.Builder
		for _, policy := range policies {
			for _, pattern := range patterns() {
				r := parseRoute("stragglers=Wait type=" + kind + " policy=" + policy)
				response := r.play(t, pattern[1:]...)
				leavesTrace(t, response)
				fmt.Fprintf(&b, "## %s, %s: %s\n%s\n", kind, policy, pattern[0], show(response))
			}
		}
		testkit.Golden(t, "testdata/"+strings.ToLower(kind)+".golden", b.String())
	}
}

// leavesTrace holds what must be true of any response: an outcome that is not
// complete where any backend failed, each backend named, JSON where we made it.
func leavesTrace(t *testing.T, r Response) {
	t.Helper()
	list := r.Header.Get("Fanout-Backends")
	bad := strings.Contains(list, "outcome=failed") || strings.Contains(list, "outcome=rejected")
	if outcome := r.Header.Get("Fanout-Outcome"); bad == (outcome == "complete") && outcome != "failed" {
		t.Errorf("%s although %s", outcome, list)
	}
	if strings.Count(list, ";outcome=") != 3 {
		t.Errorf("backends are missing in %q", list)
	}
	if strings.Contains(r.Header.Get("Content-Type"), "json") && !json.Valid(r.Body) {
		t.Errorf("not JSON: %s", r.Body)
	}
	if r.Status == 503 && r.Header.Get("Retry-After") == "" && strings.Contains(list, "rejected") {
		t.Errorf("503 without Retry-After: %s", list)
	}
}

// Case A1 of the field.
func TestA1SameBytesWhicheverIsSlower(t *testing.T) {
	t.Parallel()
	bodies := []string{
		`{"object":{"a":1,"deep":{"x":1}},"list":[1],"scalar":1,"one":1}`,
		`{"object":{"a":2,"deep":{"x":[2]}},"list":[1,2],"scalar":2,"two":2}`,
		`{"list":[3],"scalar":"3","object":{"a":3,"deep":{"y":3}},"three":3}`,
	}
	for _, words := range []string{
		"type=Envelope", "type=Envelope policy=Required required=b", "type=Envelope policy=BestEffort",
		"type=Group", "type=Group policy=Required required=b", "type=Group policy=BestEffort",
		"type=Merge onConflict=First arrays=Append", "type=Merge onConflict=Last arrays=Replace policy=BestEffort",
		"type=Merge onConflict=Collect arrays=Unique policy=Required required=b", "type=Merge onConflict=Error",
		"type=First policy=BestEffort", "type=Primary primary=b",
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, 1))
			var want []byte
			synctest.Test(t, func(t *testing.T) {
				for range 1000 {
					var lines []string
					for i, body := range bodies {
						lines = append(lines, fmt.Sprintf("%c: after %dms 200 application/json %s", 'a'+i, 1+r.IntN(4), body))
					}
					got := parseRoute(words).run(t, lines...).Body
					if want == nil {
						want = got
					}
					if string(got) != string(want) {
						t.Fatalf("%q gave %s, not %s", lines, got, want)
					}
				}
			})
		})
	}
}

// Case A3 of the field.
func TestA3OutcomeFollowsAnswersNotBodies(t *testing.T) {
	t.Parallel()
	for _, diagnostics := range []string{"Full", "Outcome", "None"} {
		r := parseRoute("policy=BestEffort diagnostics=" + diagnostics)
		got := r.play(t, `a: 200 application/json {"outcome":"complete","backends":{}}`, `b: 500 application/json {"outcome":"complete"}`)
		if !strings.HasPrefix(string(got.Body), `{"outcome":"partial",`) || got.Status != 207 {
			t.Errorf("%s: %d %s", diagnostics, got.Status, got.Body)
		}
		if _, shown := got.Header["Fanout-Backends"]; shown != (diagnostics == "Full") {
			t.Errorf("%s: Fanout-Backends shown: %t", diagnostics, shown)
		}
		if _, shown := got.Header["Fanout-Outcome"]; shown != (diagnostics != "None") {
			t.Errorf("%s: Fanout-Outcome shown: %t", diagnostics, shown)
		}
	}
}
