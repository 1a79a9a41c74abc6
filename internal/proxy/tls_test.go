package proxy_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// The certificate of httptest is for example.com and 127.0.0.1, and its own
// authority.
func TestBackendsProveWhoTheyAre(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(server.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for name, row := range map[string]struct {
		tls    *routeconfig.TLS
		reason string
	}{
		"an authority that nobody knows": {nil, "tls"},
		"a private authority":            {&routeconfig.TLS{CASecret: "ca"}, ""},
		"and a name":                     {&routeconfig.TLS{CASecret: "ca", ServerName: "example.com"}, ""},
		"another name":                   {&routeconfig.TLS{CASecret: "ca", ServerName: "other.internal"}, "tls"},
		"a Secret without certificate":   {&routeconfig.TLS{CASecret: "broken"}, "tls"},
		"no Secret":                      {&routeconfig.TLS{CASecret: "none"}, "credential"},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": authority})
		secrets.Mount(testkit.Namespace, "broken", map[string]string{"ca.crt": "x"})
		p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", server.URL, func(b *routeconfig.Backend) { b.TLS = row.tls }))))
		for range 2 { // on a new connection and on a kept one
			r := p.Do("POST", "orders", "/", "{}")
			reason := r.Header.Get("Fanout-Backends")
			if row.reason == "" && r.Status != 200 || row.reason != "" && !strings.Contains(reason, "reason="+row.reason) {
				t.Errorf("%s: %d %s, want reason %q", name, r.Status, reason, row.reason)
			}
		}
	}
}

// A proxy that cannot greet its clients must not take the place of one that can.
func TestProxyWithoutCertificateIsNotReady(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "http://127.0.0.1:1/")))
	route.Listener.TLSSecret = "orders-tls"
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, route)
	if got := p.Ask("/readyz"); got.Status != 503 || !strings.Contains(got.Body, "certificate") {
		t.Errorf("without a certificate: %d %s", got.Status, got.Body)
	}
	if got := p.Report(time.Now()); len(got.Routes[0].Missing) == 0 || got.Ready {
		t.Errorf("it says %+v of itself, want what is missing", got)
	}
	secrets.Mount(testkit.Namespace, "orders-tls", newPair(t, "one"))
	testkit.Eventually(t, "it is ready", func() bool { return p.Ask("/readyz").Status == 200 })
	secrets.Mount(testkit.Namespace, "orders-tls", map[string]string{"tls.crt": "x", "tls.key": "y"})
	testkit.Eventually(t, "it has seen the broken pair", func() bool { return len(p.Report(time.Now()).Routes[0].Missing) > 0 })
	if got := p.Ask("/readyz"); got.Status != 200 {
		t.Errorf("with the last good pair: %d %s", got.Status, got.Body)
	}
}

// A rotated authority holds from the next connection on.
//
// Case E1 of the field.
func TestE1RotatedAuthority(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": "old"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", server.URL, func(b *routeconfig.Backend) { b.TLS = &routeconfig.TLS{CASecret: "ca"} }))))
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 502 {
		t.Errorf("with the old authority: %d", r.Status)
	}
	secrets.Mount(testkit.Namespace, "ca", map[string]string{
		"ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))})
	testkit.Eventually(t, "the new authority holds", func() bool { return p.Do("POST", "orders", "/", "{}").Status == 200 })
}
