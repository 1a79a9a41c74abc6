package cli

import (
	"net/http"
	"strings"
	"testing"
)

// Lines of all Pods are told with their names, those of a Pod in their order; a Pod that
// cannot be read keeps nobody from the others.
func TestLogsOfAllProxies(t *testing.T) {
	t.Parallel()
	var asked string
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.RawQuery
			_, _ = w.Write([]byte(text))
		}
	}
	file := serveCluster(t, map[string]http.HandlerFunc{"shop/a": nil, "shop/b": nil, "shop/c": nil}, map[string]http.HandlerFunc{
		"GET /api/v1/namespaces/shop/pods/a/log": say("one\ntwo\n"), "GET /api/v1/namespaces/shop/pods/b/log": say("three"),
	})
	out, _, err := command(t, "", "logs", "orders", "--tail", "5", "--since", "90s", "--kubeconfig", file)
	if err == nil || !strings.Contains(err.Error(), "read the log of Pod c") {
		t.Errorf("a Pod without a log: %v", err)
	}
	if !strings.Contains(out, "a one\na two\n") || !strings.Contains(out, "b three\n") || strings.Count(out, "\n") != 3 {
		t.Errorf("logs are %q", out)
	}
	if asked != "container=proxy&sinceSeconds=90&tailLines=5" {
		t.Errorf("asked for %q", asked)
	}
}
