package routeconfig_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// The keys of an issuer come from one place, and what cannot be fetched is refused.
func TestKeysOfIssuersAreInOnePlace(t *testing.T) {
	t.Parallel()
	at := &routeconfig.ConfigMapKey{Name: "keys", Key: "jwks.json"}
	for name, row := range map[string]struct {
		modify func(*routeconfig.CallerJWT)
		want   string
	}{
		"an issuer that is asked":   {func(j *routeconfig.CallerJWT) { j.Issuer = "https://idp.example.com" }, ""},
		"keys at a URL":             {func(j *routeconfig.CallerJWT) { j.Issuer, j.JWKSURI = "till", "http://idp.shop.svc/" }, ""},
		"keys at a URL, of anybody": {func(j *routeconfig.CallerJWT) { j.JWKSURI = "https://idp.example.com/" }, ""},
		"keys in a ConfigMap":       {func(j *routeconfig.CallerJWT) { j.JWKS = at }, ""},
		"keys of a name":            {func(j *routeconfig.CallerJWT) { j.Issuer, j.JWKS = "till", at }, ""},
		"no keys":                   {func(*routeconfig.CallerJWT) {}, "issuer is not http or https with a host"},
		"an issuer that is none":    {func(j *routeconfig.CallerJWT) { j.Issuer = "till" }, "issuer is not http or https with a host"},
		"a user":                    {func(j *routeconfig.CallerJWT) { j.JWKSURI = "https://a@idp.example.com/" }, "has a user or fragment"},
		"another scheme":            {func(j *routeconfig.CallerJWT) { j.JWKSURI = "ftp://idp.example.com/" }, "jwksURI is not http or https with a host"},
		"keys in two places":        {func(j *routeconfig.CallerJWT) { j.JWKS, j.JWKSURI = at, "https://idp.example.com/" }, "jwks goes with neither jwksURI nor caSecret"},
		"authorities of nobody":     {func(j *routeconfig.CallerJWT) { j.JWKS, j.CASecret = at, "ca" }, "jwks goes with neither jwksURI nor caSecret"},
		"a ConfigMap's odd name":    {func(j *routeconfig.CallerJWT) { j.JWKS = &routeconfig.ConfigMapKey{Name: "../x", Key: "k"} }, "configMapKeyRef"},
		"a ConfigMap's odd key":     {func(j *routeconfig.CallerJWT) { j.JWKS = &routeconfig.ConfigMapKey{Name: "x", Key: "../k"} }, "configMapKeyRef.key"},
	} {
		_, err := routeconfig.Decode(document(t, func(r *routeconfig.Route) {
			j := routeconfig.CallerJWT{Name: "idp", Algorithms: []string{"RS256"}, Caller: []string{"sub"}, Header: "Authorization"}
			row.modify(&j)
			r.Authentication = &routeconfig.Authentication{JWT: []routeconfig.CallerJWT{j}}
		}))
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q in it", name, err, row.want)
		}
	}
}
