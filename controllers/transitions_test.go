package controllers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// journal keeps what operators log of conditions, a JSON object a line.
type journal struct {
	mu    sync.Mutex
	lines [][]byte
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if bytes.Contains(line, []byte(`"condition":`)) {
		j.lines = append(j.lines, slices.Clone(line))
	}
	return len(line), nil
}

// of are the lines on a condition of a route.
func (j *journal) of(t *testing.T, route *v1alpha1.FanoutRoute, kind string) (list []string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, text := range j.lines {
		line := struct {
			Level, Msg, Condition, From, To, Reason, Message string
			Generation                                       int
			Route                                            struct{ Namespace, Name string }
		}{}
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		if line.Condition == kind && line.Route.Namespace == route.Namespace && line.Route.Name == route.Name {
			list = append(list, fmt.Sprintf("%s %s: %q to %q, %s, generation %d: %.14s",
				line.Level, line.Msg, line.From, line.To, line.Reason, line.Generation, line.Message))
		}
	}
	return list
}

// R15: each transition of a condition is one line at Info, and a pass without any is none.
func TestR15TransitionsAreLogged(t *testing.T) {
	t.Parallel()
	route, o := serving(t, "https://one.example.com/")
	key := keyOf(route)
	counted := newTally(t, route)
	feignPod(t, route, counted.serve)
	becomes(t, key, "Ready", metav1.ConditionTrue, "Ready")
	edit(t, key, func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "http://api.lab.svc/" })
	becomes(t, key, "Accepted", metav1.ConditionFalse, "Invalid")
	becomes(t, key, "Stalled", metav1.ConditionTrue, "Invalid")
	o.settle(t)
	for range 5 {
		o.pass(t, key)
	}
	for kind, want := range map[string][]string{
		"Accepted": {`INFO condition changed: "True" to "False", Invalid, generation 2: spec.backends[`},
		"Stalled":  {`INFO condition changed: "False" to "True", Invalid, generation 2: spec.backends[`},
	} {
		if got := logged.of(t, route, kind); !slices.Equal(got, want) {
			t.Errorf("lines on %s are %q, want %q", kind, got, want)
		}
	}
	if lines := logged.of(t, route, "Ready"); len(lines) < 2 || !strings.Contains(strings.Join(lines, "\n"), `"True", Ready, generation 1`) {
		t.Errorf("lines on Ready: %q", lines)
	}
	before := len(logged.of(t, route, "Ready"))
	testkit.Eventually(t, "the cure is logged", func() bool {
		edit(t, key, func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = "https://one.example.com/" })
		waitFor(100 * time.Millisecond)
		return len(logged.of(t, route, "Accepted")) == 2 && len(logged.of(t, route, "Ready")) > before
	})
}
