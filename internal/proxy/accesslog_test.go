package proxy_test

import (
	"maps"
	"net/http"
	"slices"
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

// R10: a route says what is in a line.
func TestR10FieldsOfTheAccessLog(t *testing.T) {
	t.Parallel()
	names := map[string]string{
		"RequestID": "requestId", "TraceID": "traceId", "Method": "method", "Path": "path", "Status": "status", "Duration": "ms",
		"Bytes": "bytes", "Client": "client", "Caller": "caller", "Outcome": "outcome", "Backends": "backends",
	}
	tracing := &routeconfig.Tracing{Endpoint: "http://127.0.0.1:1", Protocol: routeconfig.TracingHTTP}
	all := routeconfig.AccessLogFields()
	untraced := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == "TraceID" })
	rows := []struct {
		name    string
		log     *routeconfig.AccessLog
		tracing *routeconfig.Tracing
		want    []string
	}{
		{"nothing is said", nil, nil, untraced},
		{"nothing is said, and the route is traced", nil, tracing, all},
		{"a type alone", &routeconfig.AccessLog{Type: "All"}, nil, untraced},
		{"some", &routeconfig.AccessLog{Type: "All", Fields: []string{"Caller", "RequestID"}}, tracing, []string{"Caller", "RequestID"}},
	}
	for _, f := range all {
		rows = append(rows, struct {
			name    string
			log     *routeconfig.AccessLog
			tracing *routeconfig.Tracing
			want    []string
		}{f, &routeconfig.AccessLog{Type: "Sampled", OneIn: 1, Fields: []string{f}}, nil, []string{f}})
	}
	b := testkit.NewBackend(t, nil)
	for _, row := range rows {
		p := serveCaller(t, testkit.Receivers(testkit.Receiver("one", b.URL)), func(r *routeconfig.Route) {
			r.AccessLog, r.Tracing = row.log, row.tracing
		})
		p.Do("GET", "orders", "/", "", "X-API-Key", "k", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
		lines := p.Log.Lines(t, "call")
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines", row.name, len(lines))
		}
		want := []string{"level", "msg", "route", "time"}
		for _, f := range row.want {
			want = append(want, names[f])
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(lines[0])); !slices.Equal(got, want) {
			t.Errorf("%s: a line has %v, want %v", row.name, got, want)
		}
	}
}

// serveCaller serves a route for the caller till, whose key is k.
func serveCaller(t *testing.T, backends []routeconfig.Backend, modify ...func(*routeconfig.Route)) *proxytest.Proxy {
	t.Helper()
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "k"})
	return proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", backends, append(modify, func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
	})...))
}
