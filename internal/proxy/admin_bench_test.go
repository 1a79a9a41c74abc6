package proxy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// observed serves so many routes of three backends, each of which has had a few calls.
func observed(t testing.TB, routes int) *proxytest.Proxy {
	t.Helper()
	b := testkit.NewBackend(t, testkit.Respond(200, "application/json", "{}"))
	list := make([]routeconfig.Route, routes)
	for i := range list {
		list[i] = testkit.Route(fmt.Sprintf("orders%d", i), testkit.Receivers(
			testkit.Receiver("one", b.URL), testkit.Receiver("two", b.URL), testkit.Receiver("three", b.URL)))
	}
	p := proxytest.Serve(t, proxy.Options{AccessLogSample: 1 << 30}, list...)
	for i := range list {
		for range 3 {
			if r := p.Do("POST", list[i].Name, "/", "{}"); r.Status != 200 {
				t.Fatalf("a call is answered by %d %s", r.Status, r.Body)
			}
		}
	}
	return p
}

// sunk counts what a handler writes.
type sunk struct {
	header http.Header
	n      int
}

func (s *sunk) Header() http.Header { return s.header }
func (s *sunk) WriteHeader(int)     {}
func (s *sunk) Write(p []byte) (int, error) {
	s.n += len(p)
	return len(p), nil
}

// What those who observe cost: each asks every few seconds, of every proxy.
func BenchmarkAdmin(b *testing.B) {
	admin := observed(b, 20).AdminHandler()
	const native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	for name, row := range map[string]struct{ path, accept, encoding string }{
		"metrics":            {"/metrics", "text/plain", ""},
		"metrics, gzip":      {"/metrics", "text/plain", "gzip"},
		"metrics, protobuf":  {"/metrics", native, ""},
		"status":             {"/status", "", ""},
		"status, one window": {"/status?window=5m", "", ""},
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, row.path, http.NoBody)
			r.Header.Set("Accept", row.accept)
			r.Header.Set("Accept-Encoding", row.encoding)
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				out := &sunk{header: http.Header{}}
				admin.ServeHTTP(out, r)
				size = out.n
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
