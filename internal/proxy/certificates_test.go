package proxy_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// A listener asks for a certificate and lets everybody in who is known by it, or otherwise, in
// either protocol.
func TestCertificatesOfCallers(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	secrets := testkit.NewSecrets(t)
	till, stranger := newPair(t, "till"), newPair(t, "stranger")
	secrets.Mount(testkit.Namespace, "tls", newPair(t, "proxy"))
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": till["tls.crt"]})
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"web": "web-key"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
		b.Request.SetHeaders = []routeconfig.NameValue{{Name: "X-Caller", Expression: "request.caller"}}
	})), keyed, func(r *routeconfig.Route) {
		r.Listener.TLSSecret = "tls"
		r.Authentication.Certificate = &routeconfig.CallerCertificate{CASecret: "ca"}
	}))
	pair := func(of map[string]string) []tls.Certificate {
		made, err := tls.X509KeyPair([]byte(of["tls.crt"]), []byte(of["tls.key"]))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{made}
	}
	for name, row := range map[string]struct {
		shows  []tls.Certificate
		key    string
		status int
		caller string
	}{
		"a certificate":              {pair(till), "", 200, "till"},
		"another one":                {pair(stranger), "", 401, ""},
		"another one, and a key":     {pair(stranger), "web-key", 200, "web"},
		"none":                       {nil, "", 401, ""},
		"none, and a key":            {nil, "web-key", 200, "web"},
		"a certificate, a wrong key": {pair(till), "x", 200, "till"},
	} {
		for _, version := range []int{1, 2} {
			transport := &http.Transport{ForceAttemptHTTP2: version == 2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: row.shows}}
			r, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+p.Address("orders")+"/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-API-Key", row.key)
			for range 2 {
				response, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode != row.status || response.ProtoMajor != version {
					t.Errorf("%s, HTTP/%d: %d, want %d", name, version, response.StatusCode, row.status)
				}
				if lines := response.Header["Www-Authenticate"]; row.status == 401 && len(lines) != 2 {
					t.Errorf("%s, HTTP/%d: asked for %q", name, version, lines)
				}
				if row.status != 200 {
					continue
				}
				if got := b.Last(t).Header.Get("X-Caller"); got != row.caller {
					t.Errorf("%s, HTTP/%d: caller %q, want %q", name, version, got, row.caller)
				}
			}
			transport.CloseIdleConnections()
		}
	}
}
