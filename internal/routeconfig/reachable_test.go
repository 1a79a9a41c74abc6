package routeconfig_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Case G4: whatever a proxy asks has a host, and its URL no secret and nothing that is not
// sent. No refusal repeats it.
func TestG4URLsThatLeadNowhereAreRefused(t *testing.T) {
	t.Parallel()
	fields := map[string]func(r *routeconfig.Route, url string){
		"url": func(r *routeconfig.Route, url string) { r.Backends[0].URL = url },
		"credential.tokenURL": func(r *routeconfig.Route, url string) {
			r.Backends[0].Credential = &routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: url}
		},
		"jwksURI": func(r *routeconfig.Route, url string) { r.Authentication = tokensOf("partner", url) },
		"issuer":  func(r *routeconfig.Route, url string) { r.Authentication = tokensOf(url, "") },
	}
	for field, set := range fields {
		for url, words := range map[string]string{
			"/path":                       " is not http or https with a host",
			"http://":                     " is not http or https with a host",
			"http://:8080/":               " is not http or https with a host",
			"https://[]/":                 " cannot be read as a URL",
			"file:///etc/passwd":          " is not http or https with a host",
			"unix://run/secret":           " is not http or https with a host",
			"http://secret@a.example/":    ` of host "a.example" has a user or fragment`,
			"http://u:secret@a.example/":  ` of host "a.example" has a user or fragment`,
			"http://a.example/#secret":    ` of host "a.example" has a user or fragment`,
			"http://a.example/#":          ` of host "a.example" has a user or fragment`,
			"http://%31%32.example/":      " cannot be read as a URL",
			"http://u:secret%zz@a.b/":     " cannot be read as a URL",
			"http://a.example:secret/":    " cannot be read as a URL",
			"http://[fe80::1%25eth0/":     " cannot be read as a URL",
			"https://api.shop.svc:8443/a": "",
			"http://[fd00::1]/":           "",
		} {
			_, err := routeconfig.Decode(document(t, func(r *routeconfig.Route) { set(r, url) }))
			switch {
			case words == "" && err != nil:
				t.Errorf("%s %q: %v", field, url, err)
			case words != "" && (err == nil || !strings.Contains(err.Error(), field+words) || strings.Contains(err.Error(), "secret")):
				t.Errorf("%s %q: error %v, want %q in it, and nothing of what is secret", field, url, err, field+words)
			}
		}
	}
}

func tokensOf(issuer, jwksURI string) *routeconfig.Authentication {
	return &routeconfig.Authentication{JWT: []routeconfig.CallerJWT{{
		Name: "idp", Issuer: issuer, JWKSURI: jwksURI, Algorithms: []string{"ES256"}, Caller: []string{"sub"}, Header: "Authorization",
	}}}
}
