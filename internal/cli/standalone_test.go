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
				{"name":"one","circuit":"open","lastFailure":{"reason":"status","status":503,"ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":{"succeeded":70,"failed":{"status":30},"faulty":30}}}},
				{"name":"two","lastFailure":{"reason":"credential","message":"Secret \"partner\" lacks the key \"token\"","ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":{"failed":{"credential":300},"faulty":300}}}}]},
			{"namespace":"lab","name":"well","windows":{"5m":{"seconds":300,"calls":{"complete":300}}},"backends":[
				{"name":"one","windows":{"5m":{"seconds":300,"answers":{"succeeded":300}}}},
				{"name":"two","lastFailure":{"reason":"timeout","message":"while connecting","ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":{"succeeded":30,"failed":{"timeout":270},"faulty":270}}}},
				{"name":"three","lastFailure":{"reason":"status","status":401,"refused":true,"ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":{"failed":{"status":300},"faulty":300}}}},
				{"name":"four","lastFailure":{"reason":"status","status":404,"ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":{"failed":{"status":300}}}}},
				{"name":"five","windows":{"5m":{"seconds":300,"answers":{}}}}]}]}`)
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
		if _, _, err := command(t, "", append(args, "--admin", s.URL)...); err == nil || err.Error() != `no proxy serves a route "none": that at `+s.URL+` serves shop/orders, lab/well` {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, _, err := command(t, "", "get", "--admin", "127.0.0.1:1"); err == nil || !strings.HasPrefix(err.Error(), "list routes: ask proxy at http://127.0.0.1:1: ") {
		t.Errorf("nobody is there: %v", err)
	}
	if out, _, err := command(t, "", "get", "--admin", strings.TrimPrefix(s.URL, "http://")); err != nil || !strings.Contains(out, "orders") {
		t.Errorf("by host:port: %v %s", err, out)
	}
	for _, none := range []string{"", "http://" + none, "ftp://127.0.0.1:9091", "a b"} {
		if _, _, err := command(t, "", "get", "--admin", none); err == nil || !strings.Contains(err.Error(), "neither a URL nor host:port") {
			t.Errorf("%q: %v", none, err)
		}
	}
	if out, _, _ := command(t, "", "__complete", "status", "--admin", s.URL, "w"); !strings.HasPrefix(out, "well\n") || strings.Contains(out, "orders") {
		t.Errorf("completion of w: %q", out)
	}
	if out, _, _ := command(t, "", "__complete", "status", "--admin", s.URL, "lab/"); !strings.HasPrefix(out, "lab/well\n") || strings.Contains(out, "orders") {
		t.Errorf("completion of lab/: %q", out)
	}
}

// Nothing is asked where it is not said of which route, or of which proxy.
func TestNamesOfOneRoute(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"version":1,"ready":true,"routes":[{"namespace":"shop","name":"orders"},{"namespace":"lab","name":"orders"}]}`)
	}))
	t.Cleanup(s.Close)
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"no name for status":   {[]string{"status", ""}, "name a route, as NAME or NAMESPACE/NAME: fanoutctl get lists them"},
		"no name for logs":     {[]string{"logs", "", "--kubeconfig", kubeconfig}, "name a route, as NAME or NAMESPACE/NAME: fanoutctl get lists them"},
		"a namespace alone":    {[]string{"status", "void/", "--kubeconfig", kubeconfig}, `"void/" is not NAME or NAMESPACE/NAME of a route`},
		"a namespace for logs": {[]string{"logs", "void/", "--kubeconfig", kubeconfig}, `"void/" is not NAME or NAMESPACE/NAME of a route`},
		"an empty namespace":   {[]string{"get", "/orders", "--admin", s.URL}, `"/orders" is not NAME or NAMESPACE/NAME of a route`},
		"a path":               {[]string{"stat", "shop/orders/x", "--admin", s.URL}, `"shop/orders/x" is not NAME or NAMESPACE/NAME of a route`},
		"a name of two routes": {[]string{"status", "orders", "--admin", s.URL}, `routes of several namespaces are named "orders", such as shop/orders and lab/orders: name one of them so`},
	} {
		if _, _, err := command(t, "", row.args...); err == nil || err.Error() != row.want {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
	if _, _, err := command(t, "", "status", "orders", "-n", "lab", "--admin", s.URL); err != nil {
		t.Errorf("one of two by its namespace: %v", err)
	}
}

// A proxy that takes no calls is not well, whatever its routes have answered before.
func TestStandaloneProxyThatIsNotReady(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"version":1,"routes":[{"namespace":"shop","name":"orders"}]}`)
	}))
	t.Cleanup(s.Close)
	out, _, err := command(t, "", "status", "orders", "--admin", s.URL)
	if !errors.Is(err, ErrReported) || !strings.Contains(out, "- The proxy is not ready for calls: ask it why, curl "+s.URL+"/readyz.\n") {
		t.Errorf("status: %v\n%s", err, out)
	}
	if out, _, err := command(t, "", "get", "--admin", s.URL); err != nil || !strings.Contains(out, "the proxy is not ready for calls; its /readyz says why") {
		t.Errorf("get: %v\n%s", err, out)
	}
}

// A proxy that is no better known than its address does nothing to a terminal by the names it tells.
func TestNamesOfAStandaloneProxyAreWordsAlone(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"version":1,"ready":true,"routes":[{"namespace":"sh\u001b[2Jop","name":"or\u001b[2Jders\n","backends":[{"name":"o\tne\u202e"}]}]}`)
	}))
	t.Cleanup(s.Close)
	for _, args := range [][]string{{"get"}, {"stat"}, {"status", "or\x1b[2Jders\n"}} {
		out, _, _ := command(t, "", append(args, "--admin", s.URL)...)
		if strings.ContainsAny(out, "\x1b\u202e\t") || !strings.Contains(out, "or[2Jders") {
			t.Errorf("%v: %q", args, out)
		}
	}
}
