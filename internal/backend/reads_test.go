package backend

import (
	"os"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// What a backend reads is what the list of the document says: a plan keeps no other Secrets
// up to date.
func TestABackendReadsWhatIsListed(t *testing.T) {
	t.Parallel()
	for name, credential := range map[string]routeconfig.Credential{
		"a client that signs": {Type: routeconfig.CredentialOAuth2, TokenURL: "https://idp.example.com/", Assertion: "a"},
		"a certified client": {
			Type: routeconfig.CredentialOAuth2, TokenURL: "https://idp.example.com/", TokenTLS: &routeconfig.TLS{CASecret: "idp-ca", ClientCertificateSecret: "idp-me"},
		},
		"a service account":          {Type: routeconfig.CredentialWorkloadIdentity, Audience: "https://one.example.com"},
		"a client that it proves":    {Type: routeconfig.CredentialOAuth2, TokenURL: "https://idp.example.com/", Audience: "a", Federated: true},
		"a service account's tokens": {Type: routeconfig.CredentialOAuth2, TokenURL: "https://idp.example.com/", Audience: "a", Public: true, Exchange: &routeconfig.Exchange{Workload: true}},
		"OAuth 2.0":                  {Type: routeconfig.CredentialOAuth2, TokenURL: "https://idp.example.com/"},
		"Basic":                      {Type: routeconfig.CredentialBasic},
		"Bearer":                     {Type: routeconfig.CredentialBearer},
		"a key in a field":           {Type: routeconfig.CredentialAPIKey, Key: "k", Header: "X-Key"},
		"Standard Webhooks":          {Type: routeconfig.CredentialStandardWebhooks},
		"an HMAC":                    {Type: routeconfig.CredentialHMAC, Key: "k", Header: "X-Sig", HMAC: &routeconfig.HMAC{}},
		"an HMAC of several":         {Type: routeconfig.CredentialHMAC, Key: "k", Header: "X-Sig", HMAC: &routeconfig.HMAC{Timestamp: &routeconfig.HMACTimestamp{}}},
		"SigV4":                      {Type: routeconfig.CredentialAWSSigV4, AWS: &routeconfig.AWS{}},
		"a key in a parameter":       {Type: routeconfig.CredentialAPIKey, Key: "k", Query: "key"},
	} {
		if credential.Audience == "" || credential.Federated {
			credential.Secret = "credential"
		}
		config := routeconfig.Backend{
			Name: "one", URL: "https://one.example.com/", Credential: &credential, TLS: &routeconfig.TLS{CASecret: "ca", ClientCertificateSecret: "me"},
		}
		store := creds.NewStore(creds.Options{Tree: os.DirFS(t.TempDir())})
		s := NewState(StateOptions{Namespace: "shop", Config: &config, Store: store, Dialer: dial.New(dial.Options{})})
		t.Cleanup(s.Close)
		held := map[creds.Source]bool{s.authority: true, s.client: true, s.secret: true}
		if credential.Audience != "" {
			held[s.workload] = true
		}
		if credential.TokenTLS != nil {
			held[s.issuer.authority], held[s.issuer.client] = true, true
		}
		route := routeconfig.Route{Backends: []routeconfig.Backend{config}}
		for _, reference := range route.References() {
			source := store.Source("shop", &reference)
			if _, name := source.Object(); !held[source] || name != reference.Name {
				t.Errorf("%s: what is listed at %s is not what the backend reads", name, reference.Field)
			}
			delete(held, source)
		}
		if len(held) > 0 {
			t.Errorf("%s: the backend reads %d Secrets that are not listed", name, len(held))
		}
	}
}
