package proxy_test

import (
	"crypto/tls"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// keyed lets callers in by the Secret callers.
func keyed(r *routeconfig.Route) {
	r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
}

// M2: a caller whose key is emptied is out, all others are in with what they have now,
// and a proxy that starts later says the same.
func TestM2RevokedKeysAdmitNobody(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "till-key", "web": "web-old"})
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)), keyed)
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, route)
	in := func(p *proxytest.Proxy, key string) bool {
		return p.Do("POST", "orders", "/", "{}", "X-API-Key", key).Status == 200
	}
	if !in(p, "till-key") || !in(p, "web-old") {
		t.Fatal("nobody gets in to begin with")
	}
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "", "web": "web-new"})
	testkit.Eventually(t, "the key is revoked", func() bool { return !in(p, "till-key") })
	for when, p := range map[string]*proxytest.Proxy{"running": p, "restarted": proxytest.ServeWith(t, secrets, proxy.Options{}, route)} {
		if in(p, "till-key") || in(p, "web-old") || !in(p, "web-new") {
			t.Errorf("%s: till-key %v, web-old %v, web-new %v; want the last alone", when, in(p, "till-key"), in(p, "web-old"), in(p, "web-new"))
		}
		if got := p.Ask("/status").Body; strings.Contains(got, "missing") {
			t.Errorf("%s: who revokes a key is told that it is missing: %s", when, got)
		}
	}
	secrets.Mount(testkit.Namespace, "callers", map[string]string{})
	testkit.Eventually(t, "the Secret is gone", func() bool { return !in(p, "web-new") })
	if got := p.Ask("/status").Body; !strings.Contains(got, `"missing":[{"secret":"callers","key":"","field":"spec.authentication.apiKeys.secretName","seconds":`) {
		t.Errorf("/status does not tell that nobody can get in: %s", got)
	}
}

// M7: a client's pair and an authority that stop fitting fail no connection, and /status
// says so.
func TestM7PairThatStopsFittingFailsNoConnection(t *testing.T) {
	t.Parallel()
	one, two := newPair(t, "one"), newPair(t, "two")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // each call is a new connection
		_, _ = io.WriteString(w, "{}")
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": authority(server)})
	secrets.Mount(testkit.Namespace, "me", one)
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", server.URL, func(b *routeconfig.Backend) {
			b.TLS = &routeconfig.TLS{CASecret: "ca", ClientCertificateSecret: "me"}
		}))))
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
		t.Fatalf("with a pair that fits: %d %s", r.Status, r.Body)
	}
	secrets.Mount(testkit.Namespace, "me", map[string]string{"tls.crt": two["tls.crt"], "tls.key": one["tls.key"]})
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": "no PEM"})
	testkit.Eventually(t, "both faults are reported", func() bool {
		status := p.Ask("/status").Body
		return strings.Contains(status, `{"secret":"me","key":"tls.key","backend":"one","stale":true,"seconds":`) &&
			strings.Contains(status, `{"secret":"ca","key":"ca.crt","backend":"one","stale":true,"seconds":`)
	})
	for range 3 {
		if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
			t.Errorf("with the last good ones: %d %s", r.Status, r.Body)
		}
	}
}

// M4: a Secret that names a backend's address is not sent to another virtual host there.
func TestM4AllowedHostsCoverTheHost(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	address := strings.TrimPrefix(b.URL, "http://")
	for name, row := range map[string]struct {
		allowed string
		modify  func(*routeconfig.Request)
		sent    bool
	}{
		"Value that nobody allowed":       {address, func(r *routeconfig.Request) { r.Host = "other.example.com" }, false},
		"Value that is allowed":           {address + "\nother.example.com:80", func(r *routeconfig.Request) { r.Host = "other.example.com" }, true},
		"Value allowed, the address not":  {"other.example.com", func(r *routeconfig.Request) { r.Host = "other.example.com" }, false},
		"Forward of what nobody allowed":  {address, func(r *routeconfig.Request) { r.ForwardHost = true }, false},
		"Forward of one that is allowed":  {address + "\nshop.example.com", func(r *routeconfig.Request) { r.ForwardHost = true }, true},
		"the backend's own, as it is now": {address, func(*routeconfig.Request) {}, true},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "v", "allowedHosts": row.allowed})
		p := proxytest.ServeWith(t, secrets, proxy.Options{},
			testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, apiKey(), request(row.modify)))))
		before := b.Count()
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.Address("orders")+"/", nil)
		r.Host = "shop.example.com"
		status := p.Send(r).Status
		if sent := b.Count() > before; sent != row.sent || (status == 200) != row.sent {
			t.Errorf("%s: sent %v, status %d; want sent %v", name, sent, status, row.sent)
		}
	}
}

// M5, M8: a caller's credentials and odd spellings of what is ours reach no backend, and
// those of a backend no client.
func TestM5M8FieldsOnTheWire(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Fanout_Outcome"] = []string{"forged"}
		w.Header()["X_Order"] = []string{"7"}
		_, _ = io.WriteString(w, "{}")
	})
	route := testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("none", b.URL+"/none"),
		testkit.Receiver("some", b.URL+"/some", request(func(r *routeconfig.Request) {
			r.ForwardCredentials = []string{"x-api-key", "X-TILL", "Api-Key"}
		}))), response(routeconfig.ResponseFirst), func(r *routeconfig.Route) {
		r.CredentialHeaders, r.Dispatch.Stragglers = []string{"x-till"}, routeconfig.StragglersWait
	})
	p := proxytest.Serve(t, proxy.Options{}, route)
	r := p.Do("POST", "orders", "/", "{}", "X-API-Key", "1", "X_Api_Key", "1", "X-Till", "1", "Api-Key", "1", "X-Auth-Token", "1",
		"X_Forwarded_For", "1", "Fanout_Outcome", "1", "X_Request_Id", "1", "Proxy", "1", "X_Tenant", "1")
	if r.Status != 200 || r.Header["Fanout_outcome"] != nil || r.Header.Get("X_order") != "7" {
		t.Errorf("%d %v", r.Status, r.Header)
	}
	want := map[string][]string{
		"/none": {"X_tenant"}, "/some": {"Api-Key", "X-Api-Key", "X-Till", "X_api_key", "X_tenant"},
	}
	for _, got := range b.Seen() {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(got.Header)) {
			if name != "X-Request-Id" && (strings.HasPrefix(name, "X") || strings.HasPrefix(name, "Api") || strings.HasPrefix(name, "Fanout") || name == "Proxy") {
				names = append(names, name)
			}
		}
		if !slices.Equal(names, want[got.Target]) {
			t.Errorf("%s got %q, want %q", got.Target, names, want[got.Target])
		}
	}
}
