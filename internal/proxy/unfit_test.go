package proxy_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// What is wrong with values, as it is told.
const (
	ofLines   = "holds more than one line: leave one, and at most one line end behind it"
	ofControl = "holds a control character: take it out"
	ofSpace   = "begins or ends with white space: take it away"
	ofColon   = "holds a colon, which ends the username (RFC 7617, section 2): take another"
)

// N4: a value that cannot stand where it is to be sent is a credential that is not there,
// named by its key, and no request is made with it. What can stand there is sent byte for
// byte, without one line end.
func TestN4ValuesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	header := routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "s", Key: "key", Header: "X-Api-Key"}
	query := routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "s", Key: "key", Query: "k"}
	bearer := routeconfig.Credential{Type: routeconfig.CredentialBearer, Secret: "s"}
	basic := routeconfig.Credential{Type: routeconfig.CredentialBasic, Secret: "s"}
	oauth := routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "s"}
	key := func(v string) map[string]string { return map[string]string{"key": v} }
	token := func(v string) map[string]string { return map[string]string{"token": v} }
	pair := func(u, v string) map[string]string { return map[string]string{"username": u, "password": v} }
	client := func(u, v string) map[string]string { return map[string]string{"client_id": u, "client_secret": v} }
	encoded := func(v string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(v)) }
	for _, row := range []struct {
		credential routeconfig.Credential
		secret     map[string]string
		sent       string // in its field, or as the target
		key, fault string
	}{
		{header, key("v"), "v", "", ""}, {header, key("v\n"), "v", "", ""}, {header, key("v\r\n"), "v", "", ""},
		{header, key("a b\tc"), "a b\tc", "", ""}, {header, key("clé\xff"), "clé\xff", "", ""},
		{header, key("v\n\n"), "", "key", ofLines}, {header, key("v\r\n\r\n"), "", "key", ofLines}, {header, key("v\r"), "", "key", ofLines},
		{header, key("v\r\r\n"), "", "key", ofLines}, {header, key("a\nb"), "", "key", ofLines}, {header, key("\nv"), "", "key", ofLines},
		{header, key("v\r\nX-Other: 1"), "", "key", ofLines}, {header, key("v\x00"), "", "key", ofControl}, {header, key("\x1bv"), "", "key", ofControl},
		{header, key("v\x7f"), "", "key", ofControl}, {header, key(" v"), "", "key", ofSpace}, {header, key("v\t\n"), "", "key", ofSpace},
		{header, key(" "), "", "key", ofSpace},
		{query, key("a\nb \n"), "/?k=a%0Ab+", "", ""},
		{bearer, token("v\r\n"), "Bearer v", "", ""}, {bearer, token("a\nb"), "", "token", ofLines}, {bearer, token("a\x01b"), "", "token", ofControl},
		{bearer, token("v "), "", "token", ofSpace},
		{basic, pair("u\r\n", " p:é \n"), encoded("u: p:é "), "", ""}, {basic, pair("u:x", "p"), "", "username", ofColon},
		{basic, pair("u", "p\n\n"), "", "password", ofLines}, {basic, pair("u\x00", "p"), "", "username", ofControl}, {basic, pair("u", "a\tb"), "", "password", ofControl},
		{oauth, client("id\n", " s:é \r\n"), "Bearer t1", "", ""}, {oauth, client("id", "s\n\n"), "", "client_secret", ofLines}, {oauth, client("i\x02", "s"), "", "client_id", ofControl},
	} {
		name := fmt.Sprintf("%s with %q", row.credential.Type, row.secret)
		tokens := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
			if id, secret, _ := r.BasicAuth(); id != "id" || secret != "+s%3A%C3%A9+" {
				t.Errorf("%s: the client is %q:%q", name, id, secret)
			}
			_, _ = io.WriteString(w, `{"access_token":"t1"}`)
		})
		if row.credential.Type == routeconfig.CredentialOAuth2 {
			row.credential.TokenURL = tokens.URL
		}
		b := testkit.NewBackend(t, nil)
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "s", row.secret)
		p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, credential(row.credential)))))
		r := p.Do("POST", "orders", "/", "{}")
		if row.fault == "" {
			got := b.Last(t)
			if r.Status != 200 || !slices.Contains([]string{got.Header.Get("X-Api-Key"), got.Header.Get("Authorization"), got.Target}, row.sent) {
				t.Errorf("%s: %d %s, the backend got %q and %v; want %q", name, r.Status, r.Header.Get("Fanout-Backends"), got.Target, got.Header, row.sent)
			}
			continue
		}
		if !strings.Contains(r.Header.Get("Fanout-Backends"), "reason=credential") || b.Count()+tokens.Count() != 0 {
			t.Errorf("%s: %s, %d requests; want credential and none", name, r.Header.Get("Fanout-Backends"), b.Count()+tokens.Count())
		}
		told := fmt.Sprintf(`"secret":"s","key":%q,"backend":"one","seconds":0,"message":%q`, row.key, fmt.Sprintf("key %q %s", row.key, row.fault))
		if page := p.Ask("/status").Body; !strings.Contains(page, told) {
			t.Errorf("%s: /status lacks %s: %s", name, told, page)
		}
	}
}

// N4: a value that cannot be sent takes no good one's place, and the next good one does.
func TestN4UnfitRotationKeepsTheLastGoodValue(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	b := testkit.NewBackend(t, nil)
	secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "good"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, apiKey()))))
	secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "a\nb"})
	testkit.Eventually(t, "the fault is reported", func() bool {
		return strings.Contains(p.Ask("/status").Body, `"key":"key","backend":"one","stale":true`)
	})
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 || b.Last(t).Header.Get("X-Api-Key") != "good" {
		t.Errorf("%d, the backend got %q", r.Status, b.Last(t).Header.Get("X-Api-Key"))
	}
	secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "better\r\n"})
	testkit.Eventually(t, "the next value is used", func() bool {
		p.Do("POST", "orders", "/", "{}")
		return b.Last(t).Header.Get("X-Api-Key") == "better"
	})
}

// N4: callers' keys lose one line end a line, and a line that nobody can send is told.
func TestN4LinesOfCallersKeys(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "one\r\n \ntwo\nthree\r\n\r\n", "web": "four\r\nfi\x01ve\nsix \n"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL)), keyed))
	for _, key := range []string{"one", "two", "three", "four"} {
		if r := p.Do("POST", "orders", "/", "{}", "X-API-Key", key); r.Status != 200 {
			t.Errorf("%s: %d", key, r.Status)
		}
	}
	want := `"missing":[{"secret":"callers","key":"web","field":"spec.authentication.apiKeys.secretName","seconds":0,"message":"key \"web\" line 2 ` + ofControl + `"}]`
	if page := p.Ask("/status").Body; !strings.Contains(page, want) {
		t.Errorf("/status lacks %s: %s", want, page)
	}
}

// N4: a field that no header can have is refused with the document.
func TestN4NamesOfFields(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"X-Key": true, "x_key.1~": true, "X Key": false, "X-Key:": false, "X-Key\r\nX": false, "Clé": false, "X\x00": false} {
		route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "http://127.0.0.1:1",
			credential(routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "s", Key: "k", Header: name}))))
		document := &routeconfig.Document{Version: routeconfig.Version, Routes: []routeconfig.Route{route}}
		if err := document.Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// R1: a backend that refuses the credential of the route is at fault; one that has none, or
// that answers anything else to a caller, is not.
func TestR1RefusedCredentialsSpeakAgainstTheBackend(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		code   int
		shown  bool
		faulty uint64
	}{{401, true, 3}, {403, true, 3}, {404, true, 0}, {401, false, 0}, {403, false, 0}} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "v"})
		receiver := testkit.Receiver("one", testkit.NewBackend(t, status(row.code)).URL, func(b *routeconfig.Backend) {
			b.CircuitBreaker = &routeconfig.CircuitBreaker{
				FailurePercent: 1, MinimumRequests: 1, Window: testkit.Span(10e9), OpenFor: testkit.Span(10e9), HalfOpenRequests: 1,
			}
		})
		if row.shown {
			apiKey()(&receiver)
		}
		p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(receiver)))
		for range 3 {
			p.Do("POST", "orders", "/", "{}")
		}
		got := p.Answers("orders", 0)
		if got.Faulty != row.faulty || got.Failed["status"] != 3 { // the breaker stays closed
			t.Errorf("%d, shown a credential %v: %+v; want %d faulty of 3", row.code, row.shown, got, row.faulty)
		}
		if refused := strings.Contains(p.Ask("/status").Body, `"refused":true`); refused != (row.faulty > 0) {
			t.Errorf("%d, shown a credential %v: refused %v", row.code, row.shown, refused)
		}
	}
}
