package controllers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// kubectl is what the real one shows of a route, without what is another thing each time.
func kubectl(t *testing.T, config string, route *v1alpha1.FanoutRoute, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"),
		append([]string{"--kubeconfig", config, "--namespace", route.Namespace}, arguments...)...)
	out, err := command.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v", strings.Join(arguments, " "), err)
	}
	constant := func(text string) string {
		text = strings.ReplaceAll(text, route.Namespace, "shop")
		for pattern, constant := range map[string]string{
			`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`: "2026-11-28T06:00:00Z",
			`UID:(\s+)\S+`:                    "UID:${1}7c1c7a4e-6f0e-4d7e-9a55-2d3f1b0c8e11",
			`Resource Version:(\s+)\d+`:       "Resource Version:${1}4711",
		} {
			text = regexp.MustCompile(pattern).ReplaceAllString(text, constant)
		}
		return text
	}
	if description, _, ok := strings.Cut(string(out), "\nEvents:"); ok {
		return constant(description) + "\n"
	}
	return aged(string(out), "3m31s", constant)
}

// aged is a table of kubectl whose rows are of one age, and whose cells are constant.
func aged(table, age string, constant func(string) string) string {
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	starts := regexp.MustCompile(`\S+`).FindAllStringIndex(lines[0], -1)
	cells, widths := make([][]string, len(lines)), make([]int, len(starts))
	for i, line := range lines {
		for j, at := range starts {
			end := len(line)
			if j+1 < len(starts) {
				end = min(end, starts[j+1][0])
			}
			cell := constant(strings.TrimSpace(line[min(at[0], end):end]))
			if i > 0 && lines[0][at[0]:at[1]] == "AGE" {
				cell = age
			}
			cells[i] = append(cells[i], cell)
			widths[j] = max(widths[j], len(cell))
		}
	}
	out := strings.Builder{}
	for _, row := range cells {
		line := strings.Builder{}
		for j, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[j]+3-len(cell)))
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}

// What kubectl shows of routes, by the columns that the real API server makes: the samples of
// docs/spec are these files.
func TestSamplesOfKubectl(t *testing.T) {
	t.Parallel()
	route, _ := serving(t, "https://api-one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Name = "api-one"
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{Name: "api-two", URL: "https://api-two.example.com/"})
	})
	counted := newTally(t, route)
	calls := &counted.report.Routes[0]
	calls.Windows = stats.Windowed(stats.Window5m, stats.CallsWindow{Seconds: 300, Calls: stats.Calls{Complete: 13_200, Failed: 1_200, Refused: 120}})
	calls.Refused = []stats.RefusalReport{{Reason: "rate-limited", Count: 120}}
	counted.count(0, stats.Answers{Succeeded: 14_400})
	counted.count(1, stats.Answers{Succeeded: 13_200, Failed: map[stats.Reason]uint64{"connect": 1200}, Faulty: 1200})
	for i := range calls.Backends {
		w := calls.Backends[i].Windows.Of(stats.Window5m)
		w.Seconds = 300
		calls.Backends[i].Windows.Set(stats.Window5m, w)
	}
	down := &calls.Backends[1]
	down.Standing = stats.Standings{
		Last15s: stats.Standing{Asked: 700, Heard: 700, Faulty: 700}, Last25s: stats.Standing{Asked: 1200, Heard: 1200, Faulty: 1200},
		Last1m: stats.Standing{Asked: 2880, Heard: 2880, Faulty: 1200}, Last5m: stats.Standing{Asked: 14_400, Heard: 14_400, Faulty: 1200},
	}
	down.LastFailure = &stats.Failure{Reason: "connect", Cause: "noSuchHost", Message: "lookup api-two.example.com: no such host", Time: time.Now()}
	feignPod(t, route, counted.serve)
	rollout(t, route, complete)
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	becomes(t, keyOf(route), "BackendsHealthy", metav1.ConditionFalse, "BackendsFailing")
	testkit.Eventually(t, "nothing is under way", func() bool {
		s := get(t, route.Namespace, route.Name, &v1alpha1.FanoutRoute{}).Status
		return s.Traffic != nil && s.Traffic.RefusedFor != "" && s.ReadyReplicas != nil && *s.ReadyReplicas == 2 && condition(t, keyOf(route), "Reconciling").Status == metav1.ConditionFalse
	})
	config := kubeconfig(t, t.TempDir(), "")
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "spec", "v1alpha1", "fanoutroute.md"))
	if err != nil {
		t.Fatal(err)
	}
	for file, arguments := range map[string][]string{
		"get.txt": {"get", "fanoutroute"}, "wide.txt": {"get", "fanoutroute", "-o", "wide"}, "describe.txt": {"describe", "fanoutroute", "orders"},
	} {
		shown := "$ kubectl " + strings.Join(arguments, " ") + "\n" + kubectl(t, config, route, arguments...)
		testkit.Golden(t, filepath.Join("testdata", file), shown)
		if !strings.Contains(string(page), "\n"+shown) {
			t.Errorf("docs/spec/v1alpha1/fanoutroute.md does not show testdata/%s", file)
		}
	}
	if eventsOf(t, route, v1alpha1.ReasonCallsRefused) > 0 {
		t.Error("requests that are refused are an event, though they are fewer than 5 %")
	}
}
