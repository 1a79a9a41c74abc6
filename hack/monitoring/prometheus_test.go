package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// server is a Prometheus that scrapes every second.
type server struct {
	t   *testing.T
	url string
}

// asked is what a Prometheus answers.
type asked struct {
	Status, Error string
	Data          json.RawMessage
}

func (s *server) get(path string, query url.Values) asked {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path+"?"+query.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return asked{Error: err.Error()}
	}
	defer func() { _ = response.Body.Close() }()
	answer := asked{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		answer.Error = err.Error()
	}
	return answer
}

// series is how many a query has, none where it is wrong.
func (s *server) series(expression string) (n int, fault string) {
	answer := s.get("/api/v1/query", url.Values{"query": {expression}})
	var vector struct{ Result []json.RawMessage }
	if answer.Status != "success" {
		return 0, answer.Error
	}
	if err := json.Unmarshal(answer.Data, &vector); err != nil {
		return 0, err.Error()
	}
	return len(vector.Result), ""
}

// start runs a Prometheus with the rules.
func start(t *testing.T, targets map[string]string, args ...string) *server {
	t.Helper()
	config := "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [" + filepath.Join(testkit.Root(), "config", "monitoring", "rules.yaml") + "]\nscrape_configs:\n"
	for job, address := range targets {
		config += fmt.Sprintf("- {job_name: %s, honor_labels: true, static_configs: [{targets: ['%s']}]}\n", job, address)
	}
	dir, address := t.TempDir(), free(t)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), os.Getenv("PROMETHEUS"), append([]string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address, "--log.level=error",
	}, args...)...)
	cmd.Stderr = os.Stderr
	begin(t, cmd)
	s := &server{t, "http://" + address}
	testkit.Eventually(t, "Prometheus is ready", func() bool { _, fault := s.series("vector(1)"); return fault == "" })
	return s
}

// expressions are all that the dashboard and the alerts ask for. Of an alert they are what it compares, without the bound.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	chosen := strings.NewReplacer("$namespace", ".*", "$route", ".*", "$__rate_interval", "15s")
	for _, r := range rows() {
		for _, p := range r.panels {
			for i, q := range p.queries {
				list[fmt.Sprintf("panel %s, %s, %d", r.title, p.title, i)] = chosen.Replace(q.expression)
			}
		}
	}
	joins, bound := regexp.MustCompile(`\n(?:and|unless)(?: on \([a-z, ]*\))? `), regexp.MustCompile(`\s*(?:[<>]=?|==)\s*[0-9. *]+$`)
	for _, r := range all(t) {
		if r.Alert == "" {
			list["record "+r.Record] = r.Record
			continue
		}
		for i, part := range joins.Split(strings.TrimSpace(r.Expr), -1) {
			list[fmt.Sprintf("alert %s, %d", r.Alert, i)] = bound.ReplaceAllString(part, "")
		}
	}
	return list
}

// A real Prometheus scrapes the demo, a proxy with everything on and an operator, once in the text form
// and once native histograms. Whatever the dashboard and the alerts ask it, it has an answer.
func TestPrometheusAnswersAllQueries(t *testing.T) {
	if os.Getenv("PROMETHEUS") == "" {
		t.Skip("PROMETHEUS names no program: run `make prometheus`")
	}
	targets := map[string]string{"demo": demo(t), "full": everything(t), "operator": operating(t)}
	classic := start(t, targets)
	native := start(t, targets, "--enable-feature=native-histograms")
	for name, s := range map[string]*server{"classic": classic, "native": native} {
		missing := expressions(t)
		if len(missing) < 70 {
			t.Fatalf("there are %d queries", len(missing))
		}
		deadline := time.Now().Add(90 * time.Second)
		faults := map[string]string{}
		for len(missing) > 0 && time.Now().Before(deadline) {
			for of, expression := range missing {
				n, fault := s.series(expression)
				if faults[of] = fault; n > 0 {
					delete(missing, of)
				}
			}
			time.Sleep(500 * time.Millisecond)
		}
		for of, expression := range missing {
			t.Errorf("%s: %s has no data (%s): %s", name, of, faults[of], expression)
		}
		var rules struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
		if err := json.Unmarshal(s.get("/api/v1/rules", nil).Data, &rules); err != nil || len(rules.Groups) != 2 {
			t.Fatalf("%s: rules %+v, %v", name, rules, err)
		}
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					t.Errorf("%s: rule %s is %s: %s", name, r.Name, r.Health, r.LastError)
				}
			}
		}
	}
	const buckets, histogram = `fanout_call_duration_seconds_bucket{job="demo"}`, `histogram_quantile(0.99, sum(rate(fanout_call_duration_seconds{job="demo"}[15s])))`
	for _, row := range []struct {
		name, expression string
		of               *server
		want             bool
	}{
		{"classic buckets", buckets, classic, true}, {"a native histogram", histogram, classic, false}, {"a native histogram", histogram, native, true},
	} {
		if n, fault := row.of.series(row.expression); (n > 0) != row.want || fault != "" {
			t.Errorf("%s: %d series, %s", row.name, n, fault)
		}
	}
	if _, fault := classic.series("sum("); fault == "" {
		t.Error("a wrong query has no fault")
	}
}
