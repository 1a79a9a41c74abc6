package proxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// over sends a request in one version of HTTP.
func over(t *testing.T, p *proxytest.Proxy, version, method string, fields ...string) *http.Response {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetHTTP1(version == "HTTP/1.1")
	transport.Protocols.SetUnencryptedHTTP2(version == "HTTP/2.0")
	t.Cleanup(transport.CloseIdleConnections)
	request, _ := http.NewRequestWithContext(t.Context(), method, "http://"+p.Address("orders")+"/", http.NoBody)
	for i := 0; i+1 < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	r, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Body.Close() })
	if r.Proto != version {
		t.Fatalf("spoke %s, not %s", r.Proto, version)
	}
	return r
}

// P1: a backend announces to HEAD, and with 304, the length of what it would have sent.
func TestP1LengthsOfBodiesThatAreNotSent(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h["Content-Type"], h["Etag"], h["Date"] = []string{"text/plain"}, []string{`"1"`}, []string{"Fri, 27 Nov 2026 09:00:00 GMT"}
			h["Content-Length"] = []string{"12345"}
			switch {
			case r.Header.Get("X-Status") == "204":
				delete(h, "Content-Length")
				w.WriteHeader(http.StatusNoContent)
			case r.Header.Get("X-Status") == "404":
				w.WriteHeader(http.StatusNotFound)
			case r.Header.Get("X-Length") == "none":
				delete(h, "Content-Length")
			}
		})
		unchanged := rawBackend(t, "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 12345\r\n\r\n")
		nonsense := rawBackend(t, "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 12345\r\nContent-Length: 12345\r\n\r\n")
		for _, row := range []struct {
			name, url, method string
			fields            []string
			status            int
			want              string
		}{
			{"HEAD", b.URL, "HEAD", nil, 200, "12345"},
			{"HEAD without one", b.URL, "HEAD", []string{"X-Length", "none"}, 200, ""},
			{"HEAD and nothing", b.URL, "HEAD", []string{"X-Status", "204"}, 204, ""},
			{"not modified", unchanged, "GET", []string{"If-None-Match", `"1"`}, 304, "12345"},
			{"not modified, for HEAD", unchanged, "HEAD", []string{"If-None-Match", `"1"`}, 304, "12345"},
			{"said twice", nonsense, "GET", []string{"If-None-Match", `"1"`}, 304, "12345"},
		} {
			for _, kind := range []string{"First", "Primary"} {
				for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
					p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", row.url)), response(kind)))
					r := over(t, p, version, row.method, row.fields...)
					want := row.want
					if row.status == 304 && version == "HTTP/2.0" { // Go's client would miss a body
						want = ""
					}
					body, err := io.ReadAll(r.Body)
					if r.StatusCode != row.status || r.Header.Get("Content-Length") != want || len(r.Header["Content-Length"]) > 1 || len(body) > 0 || err != nil {
						t.Errorf("%s, %s over %s: %d, length %q, want %d and %q; body %q, %v", row.name, kind, version,
							r.StatusCode, r.Header["Content-Length"], row.status, want, body, err)
					}
				}
			}
		}
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)), response("Primary")))
		if r := over(t, p, "HTTP/1.1", "HEAD", "X-Status", "404"); r.StatusCode != 404 || r.Header.Get("Content-Length") != "12345" {
			t.Errorf("the primary's own failure: %d, length %q", r.StatusCode, r.Header["Content-Length"])
		}
		multiplexed := httptest.NewUnstartedServer(b.Config.Handler)
		multiplexed.Config.Protocols = new(http.Protocols)
		multiplexed.Config.Protocols.SetUnencryptedHTTP2(true)
		multiplexed.Start()
		t.Cleanup(multiplexed.Close)
		p = proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", multiplexed.URL,
			func(b *routeconfig.Backend) { b.Protocol = routeconfig.ProtocolH2C })), response("First")))
		if r := over(t, p, "HTTP/1.1", "HEAD"); r.StatusCode != 200 || r.Header.Get("Content-Length") != "12345" {
			t.Errorf("from a backend of HTTP/2: %d, length %q", r.StatusCode, r.Header["Content-Length"])
		}
		p = proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL))))
		if r := over(t, p, "HTTP/1.1", "HEAD"); r.StatusCode != 200 || r.Header["Content-Length"] != nil {
			t.Errorf("a combined response to HEAD has a length of a part: %v", r.Header)
		}
	})
}
