package cli

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
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
	out, errOut, err := command(t, "", "logs", "orders", "--tail", "5", "--since", "90s", "--kubeconfig", file)
	if !errors.Is(err, ErrReported) || !strings.Contains(errOut, "read the log of Pod c") {
		t.Errorf("a Pod without a log: %v %s", err, errOut)
	}
	if !strings.Contains(out, "a one\na two\n") || !strings.Contains(out, "b three\n") || strings.Count(out, "\n") != 3 {
		t.Errorf("logs are %q", out)
	}
	if asked != "container=proxy&sinceSeconds=90&tailLines=5" {
		t.Errorf("asked for %q", asked)
	}
}

// ending ends something once a text is written to it.
type ending struct {
	text string
	end  func()
	all  strings.Builder
}

func (e *ending) Write(p []byte) (int, error) {
	_, _ = e.all.Write(p)
	if strings.Contains(e.all.String(), e.text) {
		e.end()
	}
	return len(p), nil
}

// Whoever follows logs hears at once of a Pod that has none, and not when all the others have ended.
func TestFollowedLogsTellWhoIsMissing(t *testing.T) {
	t.Parallel()
	file := serveCluster(t, map[string]http.HandlerFunc{"shop/a": nil, "shop/b": nil}, map[string]http.HandlerFunc{
		"GET /api/v1/namespaces/shop/pods/a/log": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	told := errors.New("told")
	errOut := &ending{text: "read the log of Pod b", end: func() { end(told) }}
	root := New(strings.NewReader(""), &strings.Builder{}, errOut)
	root.SetArgs([]string{"logs", "orders", "-f", "--kubeconfig", file})
	_ = root.ExecuteContext(ctx) // it ends by our own doing
	if !errors.Is(context.Cause(ctx), told) {
		t.Errorf("told %q", errOut.all.String())
	}
}
