package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/build"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// failing is a proxy with a backend of which answers have failed for several reasons.
func failing(id string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		namespace, name, _ := strings.Cut(id, "/")
		_, _ = fmt.Fprintf(w, `{"document":"h","routes":[{"namespace":%q,"name":%q,"backends":[
			{"name":"one","lastFailure":{"reason":"status","status":503,"ageSeconds":1},"windows":{"5m":{"seconds":300,"answers":
				{"succeeded":70,"failed":{"timeout":3,"status":27},"rejected":{"rateLimited":4}}}}},
			{"name":"two","windows":{"5m":{"seconds":300,"answers":{"succeeded":100}}}}]}]}`, namespace, name)
	}
}

// R7: stat asks the cluster of the current context, in its namespace, as kubectl does.
func TestR7StatAsksTheCurrentContext(t *testing.T) {
	kubeconfig := serveCluster(t, map[string]http.HandlerFunc{"shop/a": failing("shop/orders"), "lab/a": failing("lab/orders")})
	standalone := httptest.NewServer(failing("home/orders"))
	defer standalone.Close()
	nobody := serveCluster(t, map[string]http.HandlerFunc{"lab/a": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }})
	newer := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"version":2,"routes":{}}`)) }
	later := httptest.NewServer(http.HandlerFunc(newer))
	defer later.Close()
	strange := serveCluster(t, map[string]http.HandlerFunc{"lab/a": newer})
	none := filepath.Join(t.TempDir(), "none")
	for name, row := range map[string]struct {
		environment string
		args        []string
		want        string // routes, in the order of their Pods
		fault, note string
	}{
		"the context's namespace":            {kubeconfig, nil, "shop/orders", "", ""},
		"another namespace":                  {kubeconfig, []string{"-n", "lab"}, "lab/orders", "", ""},
		"all namespaces":                     {kubeconfig, []string{"-A"}, "shop/orders lab/orders", "", ""},
		"a route":                            {kubeconfig, []string{"orders"}, "shop/orders", "", ""},
		"a route of another namespace":       {kubeconfig, []string{"lab/orders"}, "lab/orders", "", ""},
		"one that is not there":              {kubeconfig, []string{"lab/others"}, "", `no proxy serves a route "lab/others"`, ""},
		"two namespaces":                     {kubeconfig, []string{"lab/orders", "-n", "shop"}, "", `"lab/orders" names a namespace, and so does a flag`, ""},
		"one and all namespaces":             {kubeconfig, []string{"-n", "shop", "-A"}, "", "none of the others can be", ""},
		"a namespace without proxies":        {kubeconfig, []string{"-n", "void"}, "", "", "no Pod in namespace void has a proxy"},
		"proxies that do not answer":         {nobody, []string{"-A"}, "", "1 of 1 Pods did not say how they do, such as these: ask proxy lab/a: ", ""},
		"proxies of a newer version":         {strange, []string{"-A"}, "", "ask proxy lab/a: the report has version 2, only 1 can be read here", ""},
		"a standalone one of a newer one":    {none, []string{"--admin", later.URL}, "", "the report has version 2, only 1 can be read here", ""},
		"the flag before the environment":    {none, []string{"--kubeconfig", kubeconfig}, "shop/orders", "", ""},
		"a context by name":                  {kubeconfig, []string{"--context", "c"}, "shop/orders", "", ""},
		"a context that is not there":        {kubeconfig, []string{"--context", "d"}, "", `context "d" does not exist`, ""},
		"a standalone proxy, by its address": {kubeconfig, []string{"--admin", standalone.URL}, "home/orders", "", ""},
		"one and a cluster":                  {kubeconfig, []string{"--admin", standalone.URL, "--context", "c"}, "", "none of the others can be", ""},
		"its route by name":                  {kubeconfig, []string{"--admin", standalone.URL, "orders"}, "home/orders", "", ""},
		"another one of its routes":          {kubeconfig, []string{"--admin", standalone.URL, "-n", "lab", "orders"}, "", `no proxy serves a route "orders"`, ""},
		"a file that is not there":           {none, []string{"--kubeconfig", none}, "", "read kubeconfig: ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", row.environment)
			out, note, err := command(t, "", append([]string{"stat", "-o", "json"}, row.args...)...)
			if row.fault != "" {
				if err == nil || !strings.Contains(err.Error(), row.fault) {
					t.Errorf("error is %v, want one with %q", err, row.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var routes []struct{ Namespace, Name string }
			if err := json.Unmarshal([]byte(out), &routes); err != nil || routes == nil {
				t.Fatalf("%v in %q", err, out)
			}
			got := map[string]bool{}
			for _, r := range routes {
				got[r.Namespace+"/"+r.Name] = true
			}
			for id := range strings.FieldsSeq(row.want) {
				if !got[id] {
					t.Errorf("%s is not among %v", id, got)
				}
			}
			if len(got) != len(strings.Fields(row.want)) || !strings.Contains(note, row.note) {
				t.Errorf("routes are %v, want %s; note is %q", got, row.want, note)
			}
		})
	}
}

// R7: what failed says why, and where nothing did there is nothing to say.
func TestR7FailuresHaveReasons(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(failing("shop/orders"))
	defer s.Close()
	out, _, err := command(t, "", "stat", "--admin", s.URL)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, filepath.Join("testdata", "stat.txt"), out)
}

// R7: fanoutctl says which one it is.
func TestR7Version(t *testing.T) {
	t.Parallel()
	out, _, err := command(t, "", "version")
	if err != nil || !strings.HasPrefix(out, "fanoutctl ") || !strings.Contains(out, ", fanout.dev/v1alpha1, go1.") {
		t.Errorf("version printed %q (%v)", out, err)
	}
	out, _, err = command(t, "", "version", "-o", "json")
	b := program{}
	if err != nil || json.Unmarshal([]byte(out), &b) != nil || b.Version == "" || b.API != "fanout.dev/v1alpha1" || !strings.Contains(b.Platform, "/") {
		t.Errorf("version printed %q (%v)", out, err)
	}
	if _, _, err := command(t, "", "version", "-o", "yaml"); err == nil {
		t.Error("an unknown format is no error")
	}
	of := func(version string, settings ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return info
	}
	for want, info := range map[string]*debug.BuildInfo{
		"fanoutctl (devel), fanout.dev":                             nil,
		"fanoutctl v0.1.0, fanout.dev":                              of("v0.1.0"),
		"fanoutctl v0.1.0, commit c0ffee of 2026-01-02, fanout.dev": of("v0.1.0", "vcs.revision", "c0ffee", "vcs.time", "2026-01-02", "vcs.modified", "false"),
		"fanoutctl (devel), commit c0ffee with changes of 2026-01-02, fanout.dev": of("", "vcs.revision", "c0ffee", "vcs.time", "2026-01-02",
			"vcs.modified", "true"),
	} {
		if got := programOf(build.Of(info)).String(); !strings.HasPrefix(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// With --watch it is shown again and again, whatever fails in between, until it is ended.
func TestStatWatches(t *testing.T) {
	t.Parallel()
	asked := 0
	ctx, end := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked++; asked {
		case 2:
			w.WriteHeader(http.StatusBadGateway)
			return
		case 3:
			end()
		}
		failing("shop/orders")(w, r)
	}))
	t.Cleanup(s.Close)
	stdout, stderr := &bytes.Buffer{}, &bytes.Buffer{}
	root := New(strings.NewReader(""), stdout, stderr)
	root.SetArgs([]string{"stat", "--admin", s.URL, "--watch", "--interval", "500ms"})
	if err := root.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(stdout.String(), "ROUTE"); n < 1 || n > 2 || asked != 3 || !strings.Contains(stderr.String(), "502 Bad Gateway") || strings.Contains(stdout.String(), "\x1b") {
		t.Errorf("asked %d times: %q %q", asked, stdout, stderr)
	}
	if _, _, err := command(t, "", "stat", "--watch", "--interval", "1ms"); err == nil || err.Error() != "--interval 1ms is less than 500ms" {
		t.Errorf("too often: %v", err)
	}
}
