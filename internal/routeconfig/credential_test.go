package routeconfig_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// hmac is a credential that a proxy can serve, changed by modify.
func hmac(modify func(c *routeconfig.Credential)) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) {
		c := &routeconfig.Credential{
			Type: routeconfig.CredentialHMAC, Secret: "s", Key: "k", Header: "X-Signature",
			HMAC: &routeconfig.HMAC{Algorithm: "SHA256", Encoding: "Hex", Prefix: "v1=", Timestamp: &routeconfig.HMACTimestamp{Header: "X-Time", Separator: "."}},
		}
		modify(c)
		r.Backends[0].Credential = c
	}
}

func TestCredentialsThatSignAreHeldToTheirBounds(t *testing.T) {
	t.Parallel()
	aws := func(a *routeconfig.AWS) func(*routeconfig.Route) {
		return func(r *routeconfig.Route) {
			r.Backends[0].Credential = &routeconfig.Credential{Type: routeconfig.CredentialAWSSigV4, Secret: "s", AWS: a}
		}
	}
	for words, modify := range map[string]func(*routeconfig.Route){
		"":                                      hmac(func(*routeconfig.Credential) {}),
		"credential.hmac is missing":            hmac(func(c *routeconfig.Credential) { c.HMAC = nil }),
		"credential.key":                        hmac(func(c *routeconfig.Credential) { c.Key = ".." }),
		"credential.header is empty":            hmac(func(c *routeconfig.Credential) { c.Header = "" }),
		`credential.header "a b" is no field`:   hmac(func(c *routeconfig.Credential) { c.Header = "a b" }),
		`credential.hmac.algorithm is "MD5"`:    hmac(func(c *routeconfig.Credential) { c.HMAC.Algorithm = "MD5" }),
		`credential.hmac.encoding is ""`:        hmac(func(c *routeconfig.Credential) { c.HMAC.Encoding = "" }),
		"credential.hmac.prefix":                hmac(func(c *routeconfig.Credential) { c.HMAC.Prefix = "a\r\nb" }),
		"hmac.timestamp.header \"a:b\"":         hmac(func(c *routeconfig.Credential) { c.HMAC.Timestamp.Header = "a:b" }),
		"hmac.timestamp.prefix":                 hmac(func(c *routeconfig.Credential) { c.HMAC.Timestamp.Prefix = "a b" }),
		"hmac.timestamp.separator is empty":     hmac(func(c *routeconfig.Credential) { c.HMAC.Timestamp.Separator = "" }),
		"credential.aws has no region or no se": aws(nil),
		"credential.aws has no region or no s":  aws(&routeconfig.AWS{Region: "r"}),
		"credential.aws has no region or no ":   aws(&routeconfig.AWS{Service: "s"}),
	} {
		_, err := routeconfig.Decode(document(t, modify))
		if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want %q in it", err, words)
		}
	}
}

// The fields in which a credential is shown are nobody else's.
func TestFieldsOfCredentials(t *testing.T) {
	t.Parallel()
	signature := func(timestamp *routeconfig.HMACTimestamp) *routeconfig.Credential {
		return &routeconfig.Credential{Type: routeconfig.CredentialHMAC, Header: "X-S", HMAC: &routeconfig.HMAC{Timestamp: timestamp}}
	}
	for _, row := range []struct {
		credential *routeconfig.Credential
		want       []string
		use        routeconfig.Use
	}{
		{nil, nil, ""},
		{&routeconfig.Credential{Type: routeconfig.CredentialOAuth2}, []string{"Authorization"}, routeconfig.UseClient},
		{&routeconfig.Credential{Type: routeconfig.CredentialBasic}, []string{"Authorization"}, routeconfig.UseBasic},
		{&routeconfig.Credential{Type: routeconfig.CredentialBearer}, []string{"Authorization"}, routeconfig.UseField},
		{&routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Header: "X-K"}, []string{"X-K"}, routeconfig.UseField},
		{&routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Query: "k"}, nil, routeconfig.UseQuery},
		{signature(nil), []string{"X-S"}, routeconfig.UseSigningKey},
		{signature(&routeconfig.HMACTimestamp{}), []string{"X-S"}, routeconfig.UseSigningKeys},
		{signature(&routeconfig.HMACTimestamp{Header: "X-T"}), []string{"X-S", "X-T"}, routeconfig.UseSigningKey},
		{&routeconfig.Credential{Type: routeconfig.CredentialStandardWebhooks}, []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}, routeconfig.UseWebhook},
		{&routeconfig.Credential{Type: routeconfig.CredentialAWSSigV4}, []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token"}, routeconfig.UseAWS},
	} {
		if got := row.credential.Fields(); !slices.Equal(got, row.want) {
			t.Errorf("%+v is shown in %q, want %q", row.credential, got, row.want)
		}
		if row.credential == nil {
			continue
		}
		if got := row.credential.Reference().Use; got != row.use {
			t.Errorf("%+v is used as %q, want %q", row.credential, got, row.use)
		}
	}
}
