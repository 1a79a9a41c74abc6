package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/survey"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Whoever runs routes without a cluster finds what is wrong with them by the same commands.
func TestStandaloneRoutesAndWhatIsWrongWithThem(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("KUBECONFIG", none)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"version":1,"document":"9f3ac1d2aa00bb","ready":true,"refused":"spec.backends[0].url: is none","routes":[
			{"namespace":"shop","name":"orders","missing":[{"secret":"partner","key":"token","backend":"two","seconds":9}],
			"windows":{"5m":{"seconds":300,"calls":{"complete":297,"failed":3}}},"backends":[
				{"name":"one","circuit":"open","lastFailure":{"reason":"status","status":503,"ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":{"succeeded":70,"failed":{"status":30}}}}},
				{"name":"two","lastFailure":{"reason":"credential","message":"Secret \"partner\" lacks the key \"token\"","ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":{"failed":{"credential":300}}}}}]},
			{"namespace":"lab","name":"well","windows":{"5m":{"seconds":300,"calls":{"complete":300}}},"backends":[
				{"name":"one","windows":{"5m":{"seconds":300,"answers":{"succeeded":300}}}},
				{"name":"two","lastFailure":{"reason":"timeout","message":"while connecting","ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":{"succeeded":30,"failed":{"timeout":270}}}}}]}]}`)
	}))
	t.Cleanup(s.Close)
	for name, row := range map[string]struct {
		args []string
		bad  bool
	}{
		"standalone-get":    {[]string{"get"}, false},
		"standalone-one":    {[]string{"get", "-n", "lab"}, false},
		"standalone-status": {[]string{"status", "orders"}, true},
		"standalone-well":   {[]string{"status", "lab/well"}, true}, // what it serves is not the newest
	} {
		out, errOut, err := command(t, "", append(row.args, "--admin", s.URL)...)
		if (err != nil) != row.bad || err != nil && !errors.Is(err, ErrReported) {
			t.Errorf("%s: %v %s", name, err, errOut)
		}
		out = strings.ReplaceAll(out, s.URL+strings.Repeat(" ", len("http://127.0.0.1:12345")-len(s.URL)), "http://127.0.0.1:12345")
		testkit.Golden(t, filepath.Join("testdata", name+".txt"), out)
	}
	out, _, err := command(t, "", "status", "shop/orders", "-o", "json", "--admin", s.URL)
	found := survey.Walked{}
	if !errors.Is(err, ErrReported) || json.Unmarshal([]byte(out), &found) != nil || len(found.Next) != 4 || len(found.Pods) != 1 || found.Conditions == nil {
		t.Errorf("as JSON: %v %s", err, out)
	}
	for _, args := range [][]string{{"status", "none"}, {"get", "none"}} {
		if _, _, err := command(t, "", append(args, "--admin", s.URL)...); err == nil || err.Error() != `no proxy serves a route "none"` {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, _, err := command(t, "", "get", "--admin", "http://"+none); err == nil || !strings.HasPrefix(err.Error(), "list routes: ask proxy") {
		t.Errorf("nobody is there: %v", err)
	}
	if out, _, _ := command(t, "", "__complete", "status", "--admin", s.URL, "w"); !strings.HasPrefix(out, "well\n") || strings.Contains(out, "orders") {
		t.Errorf("completion of w: %q", out)
	}
}
