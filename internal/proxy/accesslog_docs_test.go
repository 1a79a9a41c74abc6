package proxy_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

func logsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operations", "logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// blocks are the code blocks of a page in a language.
func blocks(page, language string) (list []string) {
	for _, block := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		list = append(list, block[1])
	}
	return list
}

func logSchema(t *testing.T) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	file, err := os.Open(filepath.Join(testkit.Root(), "docs", "operations", "access-log.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("access-log.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("access-log.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema, document.(map[string]any)
}

// someLines are lines of every kind that there is.
func someLines(t *testing.T) []string {
	t.Helper()
	good, bad := testkit.NewBackend(t, nil), testkit.NewBackend(t, status(500))
	hang := testkit.NewBackend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p := serveCaller(t, testkit.Receivers(
		testkit.Receiver("good", good.URL), testkit.Receiver("bad", bad.URL), testkit.Receiver("nobody", "http://127.0.0.1:1"),
		testkit.Receiver("hang", hang.URL, func(b *routeconfig.Backend) { b.When = "request.path == '/hang'" }),
	), policy("BestEffort", 0), func(r *routeconfig.Route) {
		r.Dispatch.Stragglers = routeconfig.StragglersCancel
		r.Validation.MaxBodySize = 100
		r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: `{"maxProperties":1}`}
		r.Tracing = &routeconfig.Tracing{Endpoint: "http://127.0.0.1:1", Protocol: routeconfig.TracingHTTP}
	})
	parent := []string{"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}
	p.Do("POST", "orders", "/a?b", "{}", append(parent, "X-API-Key", "k")...)
	p.Do("POST", "orders", "/a?b", "{}")
	p.Do("POST", "orders", "/"+strings.Repeat("p", 2000)+"\xff", "{}", "X-API-Key", "wrong")
	p.Do("POST", "orders", "/", strings.Repeat("x", 200), "X-API-Key", "k")
	p.Do("POST", "orders", "/", `{"a":1,"b":2}`, "X-API-Key", "k")
	leave(t, p, hang)
	testkit.Eventually(t, "all calls have their line", func() bool { return len(p.Log.Lines(t, "call")) == 6 })
	var lines []string
	for line := range strings.Lines(p.Log.String()) {
		if strings.Contains(line, `"msg":"call"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

// leave calls, and leaves while a backend hangs.
func leave(t *testing.T, p *proxytest.Proxy, hang *testkit.Backend) {
	t.Helper()
	ctx, left := context.WithCancel(t.Context())
	defer left()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Address("orders")+"/hang", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", "k")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := http.DefaultTransport.RoundTrip(r); err == nil {
			response.Body.Close()
		}
	}()
	testkit.Eventually(t, "the call is under way", func() bool { return hang.Count() == 1 })
	left()
	<-done
}

// R10: lines have the form of docs/operations/access-log.schema.json, which has no member that
// no line has, and no other word than there are.
func TestR10LinesHaveTheFormOfTheirSchema(t *testing.T) {
	t.Parallel()
	schema, document := logSchema(t)
	seen := map[string]bool{}
	for _, line := range slices.Concat(someLines(t), slices.Collect(strings.Lines(blocks(logsPage(t), "json")[0]))) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%v\n%s", err, line)
		}
		for path := range paths(value) {
			seen[path] = true
		}
	}
	properties := document["properties"].(map[string]any)
	one := properties["backends"].(map[string]any)["additionalProperties"].(map[string]any)["properties"].(map[string]any)
	want := slices.Collect(maps.Keys(properties))
	for name := range one {
		want = append(want, "backends.NAME."+name)
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("lines have\n%v\nthe schema has\n%v", got, want)
	}
	var outcomes, calls, reasons []any
	for o := range fanout.Outcomes {
		outcomes = append(outcomes, fanout.Outcome(o).String())
	}
	for o := range fanout.CallOutcomes {
		calls = append(calls, fanout.CallOutcome(o).String())
	}
	for r := 1; r < fanout.Reasons; r++ {
		reasons = append(reasons, fanout.Reason(r).String())
	}
	for name, row := range map[string]struct {
		of   any
		want []any
	}{"outcome": {properties["outcome"], calls}, "outcome of a backend": {one["outcome"], outcomes}, "reason": {one["reason"], reasons}} {
		if got := row.of.(map[string]any)["enum"].([]any); !slices.Equal(got, row.want) {
			t.Errorf("the schema knows %v as %s, there are %v", got, name, row.want)
		}
	}
}

// paths are the members of a line; backends are NAME.
func paths(line any) map[string]bool {
	seen := map[string]bool{}
	for field, value := range line.(map[string]any) {
		seen[field] = true
		if field != "backends" {
			continue
		}
		for _, one := range value.(map[string]any) {
			for field := range one.(map[string]any) {
				seen["backends.NAME."+field] = true
			}
		}
	}
	return seen
}

// R10: a bad line is none: what the schema refuses.
func TestR10TheSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema, _ := logSchema(t)
	const head = `{"time":"2026-11-27T09:50:01Z","level":"INFO","msg":"call","route":"shop/orders"`
	for name, line := range map[string]string{
		"a member that is none":    head + `,"query":"a=b"}`,
		"another time":             strings.Replace(head, "T", " ", 1) + `}`,
		"no route":                 `{"time":"2026-11-27T09:50:01Z","level":"INFO","msg":"call"}`,
		"a path that is too long":  head + `,"path":"` + strings.Repeat("p", 1025) + `"}`,
		"a failure without reason": head + `,"backends":{"a":{"outcome":"failed","ms":1,"attempts":1}}}`,
		"a success with a reason":  head + `,"backends":{"a":{"outcome":"succeeded","reason":"status","ms":1,"attempts":1}}}`,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s is valid: %s", name, line)
		}
	}
}

// R10: docs/operations/logs.md lists the fields of a line, and what leaves them out.
func TestR10DocumentedFields(t *testing.T) {
	t.Parallel()
	_, table, _ := strings.Cut(logsPage(t), "| of a line | by `fields` | is |")
	documented, choices := map[string]bool{}, []string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z.]+)` \\| (?:always there|`([A-Za-z]+)`|) ?\\|").FindAllStringSubmatch(table, -1) {
		documented[row[1]] = true
		if row[2] != "" {
			choices = append(choices, row[2])
		}
	}
	if want := routeconfig.AccessLogFields(); !slices.Equal(choices, want) {
		t.Errorf("the page has the fields\n%v\nthere are\n%v", choices, want)
	}
	_, document := logSchema(t)
	want := map[string]bool{}
	properties := document["properties"].(map[string]any)
	for name := range properties {
		want[name] = true
	}
	for name := range properties["backends"].(map[string]any)["additionalProperties"].(map[string]any)["properties"].(map[string]any) {
		want["backends.NAME."+name] = true
	}
	if !maps.Equal(documented, want) {
		t.Errorf("the page lists\n%v\nthe schema has\n%v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(want)))
	}
}

// R10: the examples for jq answer what the page says.
func TestR10ExamplesForJQ(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("there is no jq (Debian's package jq has it)")
	}
	page := logsPage(t)
	questions, answers := blocks(page, "sh"), blocks(page, "text")
	if len(questions) < 4 || len(answers) != len(questions) {
		t.Fatalf("%d questions and %d answers", len(questions), len(answers))
	}
	lines := blocks(page, "json")[0] + `{"time":"2026-11-27T09:50:04Z","level":"INFO","msg":"draining"}` + "\n"
	for i, question := range questions {
		_, command, piped := strings.Cut(question, " | ")
		if !piped || !strings.HasPrefix(command, "jq ") {
			t.Fatalf("the question %q pipes no log to jq", question)
		}
		shell := exec.CommandContext(t.Context(), "sh", "-c", command)
		shell.Stdin = strings.NewReader(lines)
		if code, out, errs := testkit.Run(t, shell); code != 0 || out != answers[i] {
			t.Errorf("%s ends with %d, %sand answers\n%swant\n%s", question, code, errs, out, answers[i])
		}
		shell = exec.CommandContext(t.Context(), "sh", "-c", command)
		shell.Stdin = strings.NewReader(strings.Join(someLines(t), ""))
		if code, _, errs := testkit.Run(t, shell); code != 0 {
			t.Errorf("%s ends with %d on real lines: %s", question, code, errs)
		}
	}
}

// R10: what the examples for Loki take out of a line is there, and they use no label that
// they have not taken.
func TestR10ExamplesForLoki(t *testing.T) {
	t.Parallel()
	page := logsPage(t)
	var lines []any
	for line := range strings.Lines(blocks(page, "json")[0]) {
		var value any
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, value)
	}
	queries := blocks(page, "logql")
	if len(queries) < 5 {
		t.Fatalf("%d examples", len(queries))
	}
	taken := regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	for _, query := range queries {
		_, rest, ok := strings.Cut(query, "| json ")
		list, _, _ := strings.Cut(rest, " | ")
		labels := map[string]bool{}
		for _, one := range taken.FindAllStringSubmatch(list, -1) {
			labels[one[1]] = true
			if path := strings.ReplaceAll(one[2], `\"`, `"`); !slices.ContainsFunc(lines, func(line any) bool { return has(line, path) }) {
				t.Errorf("no line has %s: %s", path, query)
			}
		}
		if !ok || len(labels) == 0 {
			t.Errorf("it takes nothing out of a line: %s", query)
		}
		for _, used := range regexp.MustCompile(`(?:\| (\w+)=~?"|unwrap (\w+)|by \((\w+)\))`).FindAllStringSubmatch(query, -1) {
			if name := used[1] + used[2] + used[3]; name != "json" && !labels[name] && !strings.Contains(list, name+"=") {
				t.Errorf("the label %s is taken from nowhere: %s", name, query)
			}
		}
	}
}

// has follows a path as Loki's json writes it.
func has(value any, path string) bool {
	for _, step := range regexp.MustCompile(`\["([^"]+)"\]|([A-Za-z_]\w*)`).FindAllStringSubmatch(path, -1) {
		object, _ := value.(map[string]any)
		var ok bool
		if value, ok = object[step[1]+step[2]]; !ok {
			return false
		}
	}
	return true
}
