package backend

import (
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// desk is a token endpoint, whose tokens have numbers, and a backend that is shown them.
type desk struct {
	mu      sync.Mutex
	broken  bool // it issues nothing
	refused int  // tokens up to this number are
	issued  int
	shown   []string
}

// ServeHTTP implements http.Handler.
func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.Header().Set("Keep-Alive", "timeout=60")
	if r.URL.Path == "/token" {
		if d.broken {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		d.issued++
		_, _ = fmt.Fprintf(w, `{"access_token":"%d","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:jwt","expires_in":3600}`, d.issued)
		return
	}
	d.shown = append(d.shown, r.Header.Get("Authorization"))
	var number int
	if _, err := fmt.Sscanf(d.shown[len(d.shown)-1], "Bearer %d", &number); err != nil || number <= d.refused {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// askedWithToken is a call of a backend that is shown tokens of a desk, which has its
// connections to both for as long as the test runs.
func askedWithToken(t *testing.T, d *desk) fanout.Answer {
	t.Helper()
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "client", map[string]string{"client_id": "me", "client_secret": "v"})
	b := reachWith(t, server.URL, creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), func(c *routeconfig.Backend) {
		c.Credential = &routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: server.URL + "/token"}
	})
	return ask(t, b, newCall("POST"))
}

// A backend is shown the token that its endpoint issues. One that it refuses is replaced once,
// whatever the method: it did nothing. Where there is none, nothing is sent.
func TestTokensAreShown(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		desk    *desk
		shown   string
		outcome fanout.Outcome
		reason  fanout.Reason
		detail  string
	}{
		"accepted":           {&desk{}, "[Bearer 1]", fanout.Succeeded, fanout.NoReason, ""},
		"refused, and again": {&desk{refused: 1}, "[Bearer 1 Bearer 2]", fanout.Succeeded, fanout.NoReason, ""},
		"always refused":     {&desk{refused: 9}, "[Bearer 1 Bearer 2]", fanout.Failed, fanout.Status, ""},
		"none is issued":     {&desk{broken: true}, "[]", fanout.Failed, fanout.Credential, "token endpoint answered 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := askedWithToken(t, row.desk)
			if fmt.Sprint(row.desk.shown) != row.shown || a.Outcome != row.outcome || a.Reason != row.reason || a.Detail != row.detail {
				t.Errorf("shown %v: %v, %v, %q; want %s: %v, %v, %q", row.desk.shown, a.Outcome, a.Reason, a.Detail, row.shown, row.outcome, row.reason, row.detail)
			}
		})
	}
}

// What the endpoint would be shown in the handshake, and is not there, is told by its name.
func TestTokensWithoutTheCertificate(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "client", map[string]string{"client_id": "me"})
	server := httptest.NewTLSServer(&desk{})
	t.Cleanup(server.Close)
	b := reachWith(t, server.URL, creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), func(c *routeconfig.Backend) {
		c.Credential = &routeconfig.Credential{
			Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: server.URL + "/token", TokenTLS: &routeconfig.TLS{ClientCertificateSecret: "pair"},
		}
	})
	const want = `Secret "pair" is missing or empty`
	if a := ask(t, b, newCall("POST")); a.Outcome != fanout.Failed || a.Reason != fanout.Credential || a.Detail != want {
		t.Errorf("%v, %v, %q; want %q", a.Outcome, a.Reason, a.Detail, want)
	}
}

// A token endpoint that is reached over TLS is asked without a certificate where the client
// has none, by the authorities of the route.
func TestTokensOverTLS(t *testing.T) {
	t.Parallel()
	d := &desk{}
	server := httptest.NewTLSServer(d)
	t.Cleanup(server.Close)
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "client", map[string]string{"client_id": "me", "client_secret": "v"})
	secrets.Mount("shop", "ca", map[string]string{
		"ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	})
	b := reachWith(t, server.URL, creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), func(c *routeconfig.Backend) {
		c.TLS = &routeconfig.TLS{CASecret: "ca"}
		c.Credential = &routeconfig.Credential{
			Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: server.URL + "/token", TokenTLS: &routeconfig.TLS{CASecret: "ca"},
		}
	})
	if a := ask(t, b, newCall("POST")); a.Outcome != fanout.Succeeded || fmt.Sprint(d.shown) != "[Bearer 1]" {
		t.Errorf("%v, %v, %q; shown %v", a.Outcome, a.Reason, a.Detail, d.shown)
	}
}

// A service account's token that may not be sent to the endpoint, or whose tokens may not be
// sent to the backend, is told once, whether it is all that is shown there or proves a client
// of a Secret; and nothing is sent.
func TestForbiddenTokensOfTheServiceAccount(t *testing.T) {
	t.Parallel()
	d := &desk{}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for name, c := range map[string]routeconfig.Credential{
		"it is exchanged":      {Public: true, Exchange: &routeconfig.Exchange{Workload: true, SubjectTokenType: "urn:x:y"}},
		"it proves the client": {Secret: "client", Federated: true},
	} {
		for hosts, row := range map[string]struct {
			files map[string]string
			why   string
		}{
			"nothing speaks for it": {nil, "allowedHosts does not cover " + host + "; no Secret that speaks for the service account has it, and without it the token is sent nowhere"},
			"endpoint alone":        {map[string]string{"allowedTokenHosts": host}, "allowedHosts does not cover " + host + "; no Secret that speaks for the service account has it, and without it the token is sent nowhere"},
			"backend alone":         {map[string]string{"allowedHosts": host, "allowedTokenHosts": "other.example.com"}, "allowedTokenHosts does not cover " + host},
			"both":                  {map[string]string{"allowedHosts": host}, ""},
		} {
			secrets := testkit.NewSecrets(t)
			secrets.Mount("shop", "client", map[string]string{"client_id": "me", "allowedHosts": host})
			files := map[string]string{"token": "t"}
			maps.Copy(files, row.files)
			secrets.Mount("shop", (&routeconfig.Reference{Kind: routeconfig.KindToken, Name: "aud"}).Folder(), files)
			b := reachWith(t, server.URL, creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), func(b *routeconfig.Backend) {
				b.Credential = new(c)
				b.Credential.Type, b.Credential.TokenURL, b.Credential.Audience = routeconfig.CredentialOAuth2, server.URL+"/token", "aud"
			})
			list, a := b.Forbidden(), ask(t, b, newCall("POST"))
			told := len(list) == 1 && list[0].Kind == routeconfig.KindToken && list[0].Name == "aud" && list[0].Why == row.why
			if row.why != "" && (!told || a.Reason != fanout.Credential || !strings.Contains(a.Detail, row.why) || d.issued > 0) {
				t.Errorf("%s, %s: %+v, %v %q, %d issued, want %s", name, hosts, list, a.Reason, a.Detail, d.issued, row.why)
			}
			if row.why == "" && (len(list) > 0 || a.Outcome != fanout.Succeeded || d.issued != 1) {
				t.Errorf("%s, %s: %+v, %v %q, %d issued", name, hosts, list, a.Reason, a.Detail, d.issued)
			}
			d.issued = 0
		}
	}
}

// A token that was got with the service account's goes no further than that one may when it is
// sent, however good it still is, and under no other Host.
func TestWhereTokensOfTheServiceAccountsGo(t *testing.T) {
	t.Parallel()
	d := &desk{}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	secrets, folder := testkit.NewSecrets(t), (&routeconfig.Reference{Kind: routeconfig.KindToken, Name: "aud"}).Folder()
	secrets.Mount("shop", "client", map[string]string{"client_id": "me"})
	secrets.Mount("shop", folder, map[string]string{"token": "t", "allowedHosts": host})
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	under := func(sent string) *Backend {
		return reachWith(t, server.URL, store, func(b *routeconfig.Backend) {
			b.Request.Host = sent
			b.Credential = &routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", Federated: true, TokenURL: server.URL + "/token", Audience: "aud"}
		})
	}
	const covers = `service-account token "aud": allowedHosts does not cover the Host that is sent`
	if a := ask(t, under("elsewhere.example.com"), newCall("POST")); a.Reason != fanout.Credential || a.Detail != covers || len(d.shown) > 0 {
		t.Errorf("under another Host: %v %q, shown %v", a.Reason, a.Detail, d.shown)
	}
	b := under(host)
	if a := ask(t, b, newCall("POST")); a.Outcome != fanout.Succeeded {
		t.Fatalf("before: %v %q", a.Reason, a.Detail)
	}
	secrets.Mount("shop", folder, map[string]string{"token": "t", "allowedHosts": "other.example.com", "allowedTokenHosts": host})
	store.Reload([]string{"."})
	if a := ask(t, b, newCall("POST")); a.Reason != fanout.Credential || len(d.shown) != 1 {
		t.Errorf("after: %v %q, shown %v", a.Reason, a.Detail, d.shown)
	}
}
