package proxy_test

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// A token endpoint of a private authority is shown a certificate, and the id of the client
// alone; where the certificate's Secret does not let it, nothing is shown.
func TestTokensForACertificate(t *testing.T) {
	t.Parallel()
	endpoint := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"%s-%s-%t"}`, r.TLS.PeerCertificates[0].Subject.CommonName, r.Form.Get("client_id"), r.Form.Has("client_secret"))
	}))
	endpoint.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}
	endpoint.StartTLS()
	t.Cleanup(endpoint.Close)
	host := strings.TrimPrefix(endpoint.URL, "https://")
	b := testkit.NewBackend(t, nil)
	for name, row := range map[string]struct {
		bound map[string]string
		tells string
	}{
		"unbound":                    {nil, ""},
		"bound to the endpoint":      {map[string]string{"allowedTokenHosts": host}, ""},
		"bound as backends are":      {map[string]string{"allowedHosts": host}, ""},
		"bound to another endpoint":  {map[string]string{"allowedTokenHosts": "idp.example.com", "allowedHosts": host}, "allowedTokenHosts"},
		"bound to another, as above": {map[string]string{"allowedHosts": "api.example.com"}, "allowedHosts"},
	} {
		secrets := testkit.NewSecrets(t)
		pair := newPair(t, "me")
		maps.Copy(pair, row.bound)
		secrets.Mount(testkit.Namespace, "me", pair)
		secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": authority(endpoint)})
		secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "id", "client_secret": "hidden"})
		p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", b.URL, credential(routeconfig.Credential{
				Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: endpoint.URL + "/token",
				TokenTLS: &routeconfig.TLS{CASecret: "ca", ClientCertificateSecret: "me"},
			})))))
		before := b.Count()
		r := p.Do("POST", "orders", "/", "{}")
		if row.tells == "" {
			if r.Status != 200 || b.Last(t).Header.Get("Authorization") != "Bearer me-id-false" {
				t.Errorf("%s: %d %s, the backend got %v", name, r.Status, r.Body, b.Last(t).Header)
			}
			continue
		}
		want := `{"secret":"me","key":"` + row.tells + `","backend":"one","seconds":0,"message":"` + row.tells + ` does not cover ` + host + `"}`
		if page := p.Ask("/status").Body; b.Count() != before || !strings.Contains(r.Body, `"reason":"credential"`) || !strings.Contains(page, want) {
			t.Errorf("%s: %d %s, %d requests, /status %s, want %s", name, r.Status, r.Body, b.Count()-before, page, want)
		}
	}
}
