package combine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// naive says what becomes of a call of which every answer is waited for, from the words
// of the script alone: none of it is shared with what it judges. Answers arrive in the
// order of the backends.
type naive struct {
	policy, kind string
	quorum       int
	required     []bool
	primary      int
	partial      int // partialStatusCode, 0 for the default
	answers      []string
}

// class is what an answer is to a policy.
func (n *naive) class(i int) string {
	a := n.answers[i]
	switch {
	case a == "skipped":
		return "skipped"
	case slices.Contains([]string{"rateLimited", "circuitOpen", "overloaded"}, a):
		return "rejected"
	case a == "text" && (n.kind == "Merge" || n.kind == "Group"), a == "list" && n.kind == "Merge":
		return "failed" // uncombinable
	case a == "text", a == "list", a[0] == '2':
		return "succeeded"
	}
	return "failed"
}

// possible reports whether a policy is met where these have succeeded.
func (n *naive) possible(succeeded []bool) bool {
	count, counted, all := 0, 0, true
	for i, yes := range succeeded {
		if n.class(i) == "skipped" {
			continue
		}
		counted++
		if yes {
			count++
		} else {
			all = false
			if n.required[i] && n.policy == "Required" || n.kind == "Primary" && i == n.primary {
				return false
			}
		}
	}
	switch n.policy {
	case "All":
		return counted > 0 && all
	case "Quorum":
		return count >= n.quorum
	default:
		return count > 0
	}
}

// status and outcome of the response.
func (n *naive) response() (status int, outcome string) {
	classes := make([]string, len(n.answers))
	best, actual := make([]bool, len(n.answers)), make([]bool, len(n.answers))
	skipped := 0
	for i := range n.answers {
		classes[i] = n.class(i)
		best[i] = classes[i] == "succeeded" || classes[i] == "failed"
		actual[i] = classes[i] == "succeeded"
		if classes[i] == "skipped" {
			skipped++
		}
	}
	if skipped == len(n.answers) {
		return 404, "failed"
	}
	if !n.possible(best) { // nothing is sent
		for i := range classes {
			if classes[i] != "rejected" {
				classes[i] = "skipped"
			}
		}
		return n.problem(classes), "failed"
	}
	if !n.possible(actual) {
		if n.kind == "Primary" && n.ownStatus(n.primary) != 0 && classes[n.primary] == "failed" {
			return n.ownStatus(n.primary), "failed"
		}
		return n.problem(classes), "failed"
	}
	outcome = "complete"
	if slices.Contains(classes, "failed") || slices.Contains(classes, "rejected") {
		outcome = "partial"
	}
	switch n.kind {
	case "First":
		return n.ownStatus(slices.Index(actual, true)), outcome
	case "Primary":
		return n.ownStatus(n.primary), outcome
	}
	if outcome == "complete" || n.policy != "Required" && n.policy != "BestEffort" {
		return 200, outcome
	}
	if n.partial != 0 {
		return n.partial, outcome
	}
	if n.kind == "Envelope" {
		return 207, outcome
	}
	return 200, outcome
}

// ownStatus is what the backend itself answered, 0 without an answer.
func (n *naive) ownStatus(i int) int {
	switch a := n.answers[i]; a {
	case "text", "list":
		return 200
	default:
		status, _ := strconv.Atoi(a)
		return status
	}
}

// problem is the status of a call whose policy was not met.
func (n *naive) problem(classes []string) int {
	var bad []string
	for i, c := range classes {
		switch {
		case c == "rejected":
			bad = append(bad, "rejected")
		case c == "failed" && (n.answers[i] == "text" || n.answers[i] == "list"):
			bad = append(bad, "uncombinable")
		case c == "failed":
			bad = append(bad, n.answers[i])
		}
	}
	all := func(words ...string) bool {
		return len(bad) > 0 && !slices.ContainsFunc(bad, func(b string) bool { return !slices.Contains(words, b) })
	}
	switch {
	case all("429"):
		return 429
	case all("rejected"), all("429", "503"):
		return 503
	case all("timeout"):
		return 504
	}
	for _, code := range []string{"400", "404", "409", "410", "412", "413", "415", "422"} {
		if all(code) {
			status, _ := strconv.Atoi(code)
			return status
		}
	}
	return 502
}

// words are the route of the model.
func (n *naive) words() string {
	names := make([]string, 0, len(n.required))
	for i, yes := range n.required {
		if yes {
			names = append(names, name(i))
		}
	}
	return fmt.Sprintf("stragglers=Wait policy=%s type=%s quorum=%d required=%s primary=%s partialStatusCode=%d",
		n.policy, n.kind, n.quorum, strings.Join(names, ","), name(n.primary), n.partial)
}

func name(i int) string { return string(rune('a' + i)) }

func (n *naive) lines() []string {
	lines := make([]string, len(n.answers))
	for i, a := range n.answers {
		switch a {
		case "text":
			a = "200 text/plain hello"
		case "list":
			a = "200 application/json [1]"
		}
		lines[i] = name(i) + ": " + a
	}
	return lines
}

// Every policy, failure pattern and response type: the table is the model's, and the
// real thing agrees with it. The first backend is the required one and the primary, so
// of the others the order does not matter.
func TestWholeTruth(t *testing.T) {
	t.Parallel()
	kinds := []string{"Envelope", "Merge", "Group", "First", "Primary"}
	answers := []string{"200", "404", "503", "timeout", "rateLimited", "skipped"}
	var b strings.Builder
	b.WriteString("# Every policy, failure pattern and response type\n\n" +
		"Written by `go test ./internal/combine -run WholeTruth -update` from a model that shares no code with what it\n" +
		"describes; the test holds both against each other. See [semantics](semantics.md) for the rules.\n\n" +
		"Three backends; `a` is the required one and the primary, a quorum is two, all answers are waited for. A cell is the\n" +
		"status, with the outcome where it is not `failed` for an error and `complete` for a success.\n\n" +
		"| policy | a | b, c | " + strings.Join(kinds, " | ") + " |\n|---|---|---|" + strings.Repeat("---|", len(kinds)) + "\n")
	for _, policy := range []string{"All", "Any", "Quorum", "Required", "BestEffort"} {
		for _, first := range answers {
			for i, second := range answers {
				for _, third := range answers[i:] {
					fmt.Fprintf(&b, "| %s | %s | %s, %s |", policy, first, second, third)
					for _, kind := range kinds {
						n := naive{policy: policy, kind: kind, quorum: 2, required: []bool{true, false, false}, answers: []string{first, second, third}}
						if kind == "Primary" && first == "skipped" { // the primary has no condition
							b.WriteString(" – |")
							continue
						}
						status, outcome := n.response()
						got := parseRoute(n.words()).play(t, n.lines()...)
						if got.Status != status || got.Outcome.String() != outcome {
							t.Errorf("%s of %v: %d %s, want %d %s", n.words(), n.answers, got.Status, got.Outcome, status, outcome)
						}
						fmt.Fprintf(&b, " %d", status)
						if outcome == "partial" {
							b.WriteString(" partial")
						}
						b.WriteString(" |")
					}
					b.WriteString("\n")
				}
			}
		}
	}
	testkit.Golden(t, "../../docs/semantics-table.md", b.String())
}

// A hundred thousand random calls: numbers of backends, policies, answers, sizes.
func TestCallsFollowTheModel(t *testing.T) {
	t.Parallel()
	calls := 100_000
	if testing.Short() {
		calls = 30_000
	}
	answers := []string{"200", "200", "200", "201", "204", "text", "list", "400", "404", "404", "422", "429", "429", "500", "503", "timeout", "connect", "reset", "tooLarge",
		"rateLimited", "circuitOpen", "overloaded", "skipped"}
	const workers = 8
	for w := range workers {
		t.Run(strconv.Itoa(w), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(w), 7))
			synctest.Test(t, func(t *testing.T) {
				for range calls / workers {
					n := randomNaive(r, answers)
					status, outcome := n.response()
					got := parseRoute(n.words()).run(t, n.lines()...)
					if got.Status != status || got.Outcome.String() != outcome {
						t.Fatalf("%s of %v: %d %s, want %d %s", n.words(), n.answers, got.Status, got.Outcome, status, outcome)
					}
					if n.kind == "Envelope" && !json.Valid(got.Body) {
						t.Fatalf("%s of %v: %s", n.words(), n.answers, got.Body)
					}
				}
			})
		})
	}
}

func randomNaive(r *rand.Rand, answers []string) *naive {
	n := &naive{
		policy: []string{"All", "Any", "Quorum", "Required", "BestEffort"}[r.IntN(5)],
		kind:   []string{"Envelope", "Merge", "Group", "First", "Primary"}[r.IntN(5)],
	}
	size := 1 + r.IntN(6)
	uniform := r.IntN(3) == 0 // answers that agree are rare by chance
	word := answers[r.IntN(len(answers))]
	for range size {
		if !uniform || r.IntN(5) == 0 {
			word = answers[r.IntN(len(answers))]
		}
		n.answers = append(n.answers, word)
	}
	n.quorum, n.required, n.primary = 1+r.IntN(size), make([]bool, size), r.IntN(size)
	n.required[r.IntN(size)] = true
	if n.kind == "Primary" {
		if n.policy == "Any" { // the schema refuses it
			n.policy = "All"
		}
		if n.answers[n.primary] == "skipped" {
			n.answers[n.primary] = "200"
		}
	}
	if r.IntN(2) == 0 {
		n.partial = 203
	}
	return n
}
