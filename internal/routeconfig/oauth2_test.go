package routeconfig_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Of a token request there is all that it is made of, and nothing that it would not show.
func TestCredentialsNameWhatTheyShow(t *testing.T) {
	t.Parallel()
	const (
		url      = "https://idp.example.com/token"
		needless = "credential.audience goes with federated, and with the exchange of its token"
		without  = "credential.secret is empty, and the token request needs it"
		either   = "credential.audience goes with workloadIdentity, and credential.secret with all others"
	)
	client := routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "s", TokenURL: url}
	identity := routeconfig.Credential{Type: routeconfig.CredentialWorkloadIdentity, Audience: "a"}
	bearer := routeconfig.Credential{Type: routeconfig.CredentialBearer, Secret: "s"}
	for name, row := range map[string]struct {
		of     routeconfig.Credential
		modify func(c *routeconfig.Credential)
		want   string
	}{
		"a client":                      {client, func(*routeconfig.Credential) {}, ""},
		"a client with authorities":     {client, func(c *routeconfig.Credential) { c.TokenTLS = &routeconfig.TLS{CASecret: "ca"} }, ""},
		"authorities of nobody":         {client, func(c *routeconfig.Credential) { c.TokenURL, c.TokenTLS = "http://idp.shop.svc/", &routeconfig.TLS{} }, "credential.tokenTLS goes with an https tokenURL"},
		"no endpoint":                   {client, func(c *routeconfig.Credential) { c.TokenURL = "" }, "credential.tokenURL"},
		"an audience of nothing":        {client, func(c *routeconfig.Credential) { c.Audience = "a" }, needless},
		"an audience beside a token":    {client, func(c *routeconfig.Credential) { c.Audience, c.Exchange = "a", &routeconfig.Exchange{} }, needless},
		"no audience to federate":       {client, func(c *routeconfig.Credential) { c.Federated = true }, needless},
		"no audience to exchange":       {client, func(c *routeconfig.Credential) { c.Exchange = &routeconfig.Exchange{Workload: true} }, needless},
		"federated":                     {client, func(c *routeconfig.Credential) { c.Audience, c.Federated = "a", true }, ""},
		"exchanged":                     {client, func(c *routeconfig.Credential) { c.Audience, c.Exchange = "a", &routeconfig.Exchange{Workload: true} }, ""},
		"a client of no Secret":         {client, func(c *routeconfig.Credential) { c.Secret = "" }, without},
		"a public client of no Secret":  {client, func(c *routeconfig.Credential) { c.Secret, c.Public = "", true }, without},
		"a Secret's token of no Secret": {client, func(c *routeconfig.Credential) { c.Secret, c.Public, c.Exchange = "", true, &routeconfig.Exchange{} }, without},
		"no Secret to prove who asks": {client, func(c *routeconfig.Credential) {
			c.Secret, c.Audience, c.Exchange = "", "a", &routeconfig.Exchange{Workload: true}
		}, without},
		"the service account's alone": {client, func(c *routeconfig.Credential) {
			c.Secret, c.Audience, c.Public, c.Exchange = "", "a", true, &routeconfig.Exchange{Workload: true}
		}, ""},
		"an identity":                    {identity, func(*routeconfig.Credential) {}, ""},
		"an identity of no audience":     {identity, func(c *routeconfig.Credential) { c.Audience = "" }, either},
		"an identity with a Secret":      {identity, func(c *routeconfig.Credential) { c.Secret = "s" }, either},
		"an identity with a Secret only": {identity, func(c *routeconfig.Credential) { c.Audience, c.Secret = "", "s" }, either},
		"a token":                        {bearer, func(*routeconfig.Credential) {}, ""},
		"a token of no Secret":           {bearer, func(c *routeconfig.Credential) { c.Secret = "" }, either},
		"a token with an audience":       {bearer, func(c *routeconfig.Credential) { c.Audience = "a" }, either},
		"a token with an audience only":  {bearer, func(c *routeconfig.Credential) { c.Audience, c.Secret = "a", "" }, either},
	} {
		row.modify(&row.of)
		_, err := routeconfig.Decode(document(t, func(r *routeconfig.Route) { r.Backends[0].Credential = &row.of }))
		if (err == nil) != (row.want == "") || err != nil && strings.Count(err.Error(), row.want) != 1 {
			t.Errorf("%s: %v, want %q in it once", name, err, row.want)
		}
		if err == nil {
			continue
		}
		for _, other := range []string{needless, without, either} {
			if other != row.want && strings.Contains(err.Error(), other) {
				t.Errorf("%s: %v, want %q alone", name, err, row.want)
			}
		}
	}
}
