package proxy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// With mode Report calls pass, and metrics and /status count exactly by rule what would be
// refused; from the edit to Enforce on it is.
func TestReportedRulesAreCountedThenEnforced(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	ruled := func(report bool) routeconfig.Route {
		return testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)), func(r *routeconfig.Route) {
			r.Validation.Report = report
			r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: `{"required":["id"]}`}
			r.Validation.Rules = []routeconfig.Rule{{Name: "positive", Expression: "request.body.amount > 0", Message: "amount must be positive"}}
		})
	}
	p := proxytest.Serve(t, proxy.Options{}, ruled(true))
	for range 7 {
		if got := p.Do(http.MethodPost, "orders", "/", `{"amount":0}`); got.Status != http.StatusOK {
			t.Fatalf("%d %s", got.Status, got.Body)
		}
	}
	if got := p.Do(http.MethodPost, "orders", "/", `{"id":1,"amount":0}`); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	reported := p.Report(time.Now()).Routes[0].Reported
	if len(reported) != 2 || reported[0].Rule != "jsonSchema" || reported[0].Count != 7 || reported[1].Rule != "positive" || reported[1].Count != 8 {
		t.Errorf("reported are %+v", reported)
	}
	for _, line := range []string{`mode="Report",namespace="shop",route="orders",rule="jsonSchema"} 7`, `mode="Report",namespace="shop",route="orders",rule="positive"} 8`} {
		if page := p.Ask("/metrics").Body; !strings.Contains(page, "fanout_validation_faults_total{"+line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	p.Load(ruled(false))
	got := p.Do(http.MethodPost, "orders", "/", `{"id":1,"amount":0}`)
	if want := `"errors":[{"pointer":"","rule":"positive","message":"amount must be positive"}]}`; got.Status != http.StatusUnprocessableEntity || !strings.HasSuffix(got.Body, want) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if n := b.Count(); n != 8 {
		t.Errorf("the backend got %d calls, want those before the edit", n)
	}
	if page := p.Ask("/metrics").Body; !strings.Contains(page, `fanout_validation_faults_total{mode="Enforce",namespace="shop",route="orders",rule="positive"} 1`) {
		t.Error("what is refused is not counted")
	}
	if reported := p.Report(time.Now()).Routes[0].Reported; len(reported) != 0 {
		t.Errorf("what is refused is reported: %+v", reported)
	}
}
