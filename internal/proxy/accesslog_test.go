package proxy_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// R10: a route says which of its requests have a line, whatever the proxy's own setting
// is, and the first complete call is among the sampled ones.
func TestR10AccessLogIsTheRoutes(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(500)
		}
	})
	for name, row := range map[string]struct {
		config *routeconfig.AccessLog
		own    int
		want   int
	}{
		"the proxy's own setting":      {nil, 10, 5 + 3 + 1},
		"nothing is said at all":       {nil, 0, 50 + 3 + 1},
		"sampled":                      {&routeconfig.AccessLog{Type: "Sampled", OneIn: 20}, 10, 3 + 3 + 1},
		"sampled, every one":           {&routeconfig.AccessLog{Type: "Sampled", OneIn: 1}, 10, 50 + 3 + 1},
		"sampled beyond what there is": {&routeconfig.AccessLog{Type: "Sampled", OneIn: 1000}, 10, 1 + 3 + 1},
		"all":                          {&routeconfig.AccessLog{Type: "All"}, 10, 50 + 3 + 1},
		"none, not even what failed":   {&routeconfig.AccessLog{Type: "None"}, 10, 0},
	} {
		p := proxytest.Serve(t, proxy.Options{AccessLogSample: row.own}, testkit.Route("orders",
			testkit.Receivers(testkit.Receiver("one", b.URL, request(forward))), func(r *routeconfig.Route) {
				r.AccessLog = row.config
				r.Listener.Matches = []routeconfig.Match{{Path: "/good"}, {Path: "/bad"}}
			}))
		for range 50 {
			p.Do("GET", "orders", "/good", "")
		}
		for range 3 {
			p.Do("GET", "orders", "/bad", "")
		}
		p.Do("GET", "orders", "/refused", "")
		if n := len(p.Log.Lines(t, "call")); n != row.want {
			t.Errorf("%s: %d lines, want %d", name, n, row.want)
		}
	}
}

// R10: docs/operations/logs.md lists the fields of a line, no more and no less.
func TestR10DocumentedFields(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operations", "logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| field | is |")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z.]+)` \\|").FindAllStringSubmatch(table, -1) {
		documented[row[1]] = true
	}
	good, bad := testkit.NewBackend(t, nil), testkit.NewBackend(t, status(500))
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "k"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders",
		testkit.Receivers(testkit.Receiver("good", good.URL), testkit.Receiver("bad", bad.URL)), policy("BestEffort", 0), func(r *routeconfig.Route) {
			r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
		}))
	p.Do("POST", "orders", "/a?b", "{}", "X-API-Key", "k")
	lines := p.Log.Lines(t, "call")
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	seen := map[string]bool{}
	for field, value := range lines[0] {
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
	if got, want := slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(documented)); !slices.Equal(got, want) {
		t.Errorf("a line has\n%s\nthe page lists\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
}
