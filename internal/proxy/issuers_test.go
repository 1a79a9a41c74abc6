package proxy_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// issuing is an issuer with a signer of its own, which counts its requests and may be down.
type issuing struct {
	*testkit.Signer

	url     string
	fetches atomic.Int32
	down    atomic.Bool
}

func newIssuing(t *testing.T) *issuing {
	t.Helper()
	i := &issuing{Signer: testkit.NewSigner(t, "one")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(i.Keys())
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuing) trust(r *routeconfig.Route) {
	r.Authentication = &routeconfig.Authentication{JWT: []routeconfig.CallerJWT{{
		Name: "idp", Issuer: i.url, JWKSURI: i.url + "/keys", Algorithms: []string{"ES256"}, Audiences: []string{"orders"}, Caller: []string{"sub"},
		Header: "Authorization", Prefix: "Bearer",
	}}}
}

func (i *issuing) token(sub string) string {
	return "Bearer " + i.Sign(map[string]any{"iss": i.url, "aud": "orders", "sub": sub, "exp": time.Now().Add(time.Hour).Unix(), "id": 9007199254740993, "roles": []string{"a", "b"}})
}

// A token names the caller to the log and to expressions, which read its claims to the last
// digit, and reaches no backend.
func TestTokensOfCallers(t *testing.T) {
	t.Parallel()
	idp, b := newIssuing(t), testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
		b.Request.SetHeaders = []routeconfig.NameValue{
			{Name: "X-Caller", Expression: "request.caller"}, {Name: "X-Id", Expression: "request.claims.id"},
			{Name: "X-Role", Expression: "'b' in request.claims.roles ? request.claims.?none.orValue('b') : 'none'"},
		}
	})), idp.trust))
	r := p.Do("POST", "orders", "/", "{}", "Authorization", idp.token("ada"))
	if r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	got := b.Last(t).Header
	if got.Get("X-Caller") != "ada" || got.Get("X-Id") != "9007199254740993" || got.Get("X-Role") != "b" || got.Get("Authorization") != "" {
		t.Errorf("the backend gets %v", got)
	}
	if lines := p.Log.Lines(t, "call"); len(lines) != 1 || lines[0]["caller"] != "ada" {
		t.Errorf("the log says %v", lines)
	}
	if status := p.Ask("/status").Body; !strings.Contains(status, `"issuers":[{"name":"idp","keys":1,"ageSeconds":0}]`) {
		t.Errorf("/status says %s", status)
	}
	metrics := p.Ask("/metrics").Body
	for _, want := range []string{`fanout_issuer_keys{issuer="idp",namespace="shop",route="orders"} 1`, `fanout_issuer_keys_age_seconds{issuer="idp",namespace="shop",route="orders"} `} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	r = p.Do("POST", "orders", "/", "{}")
	if r.Status != 401 || r.Header.Get("WWW-Authenticate") != `Bearer realm="fanout"` {
		t.Errorf("without a token: %d %v", r.Status, r.Header)
	}
}

// Without a token there are no claims, and an expression that wants one says so by itself.
func TestClaimsWithoutAToken(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
		b.Request.SetHeaders = []routeconfig.NameValue{{Name: "X-Sub", Expression: "has(request.claims.sub) ? 'there' : string(request.claims.size())"}}
	}))))
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 || b.Last(t).Header.Get("X-Sub") != "0" {
		t.Errorf("%d %s: %v", r.Status, r.Body, b.Last(t).Header)
	}
}

// An issuer keeps its keys through an edit of something else; one that is not named any more
// is not asked any more.
func TestIssuersOutliveEdits(t *testing.T) {
	t.Parallel()
	idp, b := newIssuing(t), testkit.NewBackend(t, nil)
	receivers := testkit.Receivers(testkit.Receiver("one", b.URL))
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", receivers, idp.trust))
	in := func() int {
		return p.Do("POST", "orders", "/", "{}", "Authorization", idp.token("ada")).Status
	}
	if got := in(); got != 200 {
		t.Fatal(got)
	}
	idp.down.Store(true)
	p.Load(testkit.Route("orders", receivers, idp.trust, func(r *routeconfig.Route) { r.Dispatch.MaxInFlight = 7 }))
	if got := in(); got != 200 || idp.fetches.Load() != 1 {
		t.Errorf("after an edit: %d, %d fetches", got, idp.fetches.Load())
	}
	p.Load(testkit.Route("orders", receivers, idp.trust, func(r *routeconfig.Route) { r.Authentication.JWT[0].Audiences = []string{"orders", "web"} }))
	if got := in(); got != 503 {
		t.Errorf("after an edit of the issuer that is down: %d, want 503", got)
	}
	testkit.Eventually(t, "the outage is told", func() bool {
		return strings.Contains(p.Ask("/status").Body, `"issuer":"idp","seconds":0,"message":"keys: the issuer answered 503; there are none yet"`)
	})
	p.Load(testkit.Route("orders", receivers))
	if got := p.Do("POST", "orders", "/", "{}").Status; got != 200 {
		t.Errorf("an open route: %d", got)
	}
}

// Keys in a ConfigMap rotate without a restart. Broken ones leave the last good ones in use,
// taken away ones admit nobody, and both are told.
func TestKeysOfAConfigMapRotate(t *testing.T) {
	t.Parallel()
	idp, b, tree := newIssuing(t), testkit.NewBackend(t, nil), testkit.NewSecrets(t)
	at := routeconfig.ConfigMapKey{Name: "keys", Key: "jwks.json"}
	folder := (&routeconfig.Reference{Kind: routeconfig.KindConfigMap, Name: at.Name}).Folder()
	mount := func(keys string) {
		tree.Mount(testkit.Namespace, folder, map[string]string{at.Key: keys})
	}
	mount(string(idp.Keys()))
	p := proxytest.ServeWith(t, tree, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)), idp.trust, func(r *routeconfig.Route) {
		r.Authentication.JWT[0].JWKSURI, r.Authentication.JWT[0].JWKS = "", &at
	}))
	in := func(token string) int { return p.Do("POST", "orders", "/", "{}", "Authorization", token).Status }
	becomes := func(what, token string, status int, told string) {
		t.Helper()
		testkit.Eventually(t, what, func() bool { return in(token) == status && strings.Contains(p.Ask("/status").Body, told) })
	}
	first := idp.token("ada")
	becomes("the key holds", first, 200, `"issuers":[{"name":"idp","keys":1,"ageSeconds":0}]`)
	idp.Rotate("two")
	second := idp.token("ada")
	if got := in(second); got != 401 {
		t.Errorf("a key that is not there yet: %d", got)
	}
	mount(string(idp.Keys()))
	becomes("the new key holds", second, 200, `"keys":2`)
	if got := in(first); got != 200 {
		t.Errorf("the old key during the rotation: %d", got)
	}
	mount("[]")
	becomes("the broken set is told", second, 200, `"configMap":"keys","key":"jwks.json","field":"spec.authentication.jwt[idp].jwks.configMapKeyRef","stale":true,"seconds":0,"message":"it is no JWK Set (RFC 7517, section 5)"`)
	mount("")
	becomes("the keys that are taken away are gone", second, 503, `"configMap":"keys","key":"jwks.json","field":"spec.authentication.jwt[idp].jwks.configMapKeyRef","seconds":0}`)
	if status := p.Ask("/status").Body; !strings.Contains(status, `"issuers":[{"name":"idp","keys":0,"never":true,"ageSeconds":0}]`) {
		t.Errorf("/status says %s", status)
	}
	if n := idp.fetches.Load(); n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
}
