package creds_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// tokenFolder is that of the service account's token for the audience.
func tokenFolder(audience string) string {
	return (&routeconfig.Reference{Kind: routeconfig.KindToken, Name: audience}).Folder()
}

const accessType, jwtType = "urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"

// answering is an endpoint that gives a body, and keeps the forms that it got.
func answering(body string) (*asked, http.RoundTripper) {
	endpoint := &asked{}
	return endpoint, roundTrip(func(r *http.Request) (*http.Response, error) {
		response, err := endpoint.RoundTrip(r)
		if err == nil {
			response.Body = io.NopCloser(strings.NewReader(body))
		}
		return response, err
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A token is asked for another one, by whoever the client is (RFC 8693, section 2.1); and of
// a client that its service account proves, by the token of that (RFC 7523).
func TestTokensAreExchanged(t *testing.T) {
	t.Parallel()
	const grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
	const ofJWT = "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
	for name, row := range map[string]struct {
		keys   map[string]string
		want   []string
		modify func(*creds.TokenOptions)
		form   string
	}{
		"one of the Secret, by a client": {
			map[string]string{"client_id": "me", "client_secret": "v", "subject_token": "st/1"}, []string{"client_id", "client_secret", "subject_token"},
			func(o *creds.TokenOptions) { o.Exchange = &routeconfig.Exchange{SubjectTokenType: accessType} },
			grant + "&in+the+header=me&subject_token=st%2F1&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
		},
		"one of the Secret, by nobody": {
			map[string]string{"subject_token": "st"}, []string{"subject_token"},
			func(o *creds.TokenOptions) {
				o.Certified, o.Exchange = true, &routeconfig.Exchange{SubjectTokenType: jwtType, RequestedTokenType: accessType}
			},
			grant + "&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&subject_token=st&" + ofJWT,
		},
		"one of the Secret, by an id": {
			map[string]string{"subject_token": "st", "client_id": "me"}, []string{"subject_token"},
			func(o *creds.TokenOptions) {
				o.Certified, o.Exchange = true, &routeconfig.Exchange{SubjectTokenType: jwtType}
			},
			"client_id=me&" + grant + "&subject_token=st&" + ofJWT,
		},
		"the service account's, with all that can be asked for": {
			map[string]string{"client_id": "me", "client_secret": "v"}, []string{"client_id", "client_secret"},
			func(o *creds.TokenOptions) {
				o.Exchange = &routeconfig.Exchange{Workload: true, SubjectTokenType: jwtType}
				o.Scopes, o.Post, o.Parameters = []string{"a", "b"}, true, url.Values{"audience": {"x"}, "resource": {"urn:x:y"}}
			},
			"audience=x&client_id=me&client_secret=v&" + grant + "&resource=urn%3Ax%3Ay&scope=a+b&subject_token=sa1&" + ofJWT,
		},
		"none, by the service account's": {
			map[string]string{"client_id": "me"}, []string{"client_id"},
			func(o *creds.TokenOptions) { o.Federated = true },
			"client_assertion=sa1&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id=me&grant_type=client_credentials",
		},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "client", row.keys)
		secrets.Mount("shop", tokenFolder("aud"), map[string]string{"token": "sa1", "allowedTokenHosts": "idp.example.com"})
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
		endpoint, transport := answering(`{"access_token":"t","issued_token_type":"` + accessType + `"}`)
		o := creds.TokenOptions{
			TokenURL: "https://idp.example.com/token", Transport: transport, Client: store.Client("shop", "client", row.want...), Workload: store.Workload("shop", "aud"),
		}
		row.modify(&o)
		token, _, err := tokenOf(t, creds.NewTokenSource(o))
		if token != "t" || err != nil || len(endpoint.forms) != 1 || endpoint.forms[0].Encode() != row.form {
			t.Errorf("%s: %q, %v, asked by %v, want %s", name, token, err, endpoint.forms, row.form)
		}
	}
}

// What an endpoint gives for another token is what was asked for, or a fault in words of ours.
func TestWhatIsGotInAnExchange(t *testing.T) {
	t.Parallel()
	const without, another = "token endpoint answered 200 without an issued_token_type (RFC 8693, section 2.2.1)", "token endpoint answered 200 with an issued_token_type that was not asked for"
	const idType = "urn:ietf:params:oauth:token-type:id_token"
	for name, row := range map[string]struct{ requested, body, want string }{
		"an access token":             {"", `{"access_token":"t","issued_token_type":"` + accessType + `"}`, ""},
		"a JWT":                       {"", `{"access_token":"t","issued_token_type":"` + jwtType + `"}`, ""},
		"a JWT for an access token":   {accessType, `{"access_token":"t","issued_token_type":"` + jwtType + `"}`, ""},
		"no type":                     {"", `{"access_token":"t"}`, without},
		"another type":                {"", `{"access_token":"t","issued_token_type":"` + idType + `"}`, another},
		"another type than asked":     {idType, `{"access_token":"t","issued_token_type":"` + accessType + `"}`, another},
		"the type that was asked":     {idType, `{"access_token":"t","issued_token_type":"` + idType + `"}`, ""},
		"a token for no field":        {"", `{"access_token":"t","token_type":"N_A","issued_token_type":"` + accessType + `"}`, "token endpoint answered 200 with a token_type that is no Bearer (RFC 6749, section 7.1)"},
		"a form":                      {"", `access_token=t&issued_token_type=` + url.QueryEscape(jwtType), ""},
		"words that are none of ours": {"", `{"error":"canary","error_description":"canary"}`, "token endpoint answered 200 with an error"},
	} {
		source, _ := fromIssuer(t, always(200, row.body), func(o *creds.TokenOptions) {
			o.Exchange = &routeconfig.Exchange{SubjectTokenType: jwtType, RequestedTokenType: row.requested}
		})
		token, _, err := tokenOf(t, source)
		if row.want == "" && (token != "t" || err != nil) || row.want != "" && (err == nil || err.Error() != row.want) {
			t.Errorf("%s: %q, %v, want %s", name, token, err, row.want)
		}
	}
}

// The service account's token is read again as the kubelet renews it; one that is missing, or
// may not be sent to the endpoint, is not asked with. It may be sent nowhere unless a Secret
// says so, whether or not Secrets have to.
func TestTokensOfTheServiceAccount(t *testing.T) {
	t.Parallel()
	const of, ended = `service-account token "https://sts.example.com/x": `, ` (the token endpoint)`
	const lacks = `the Secret "orders.fanout-hosts" is missing or lacks it, and without it the token is sent nowhere`
	for name, row := range map[string]struct {
		hosts  map[string]string
		forbid string
	}{
		"no Secret speaks for it":  {nil, of + `allowedHosts does not cover idp.example.com:443; ` + lacks + ended},
		"it may go there":          {map[string]string{"allowedTokenHosts": "idp.example.com"}, ""},
		"it may go everywhere":     {map[string]string{"allowedHosts": "idp.example.com:443"}, ""},
		"it may go to backends":    {map[string]string{"allowedHosts": "one.example.com"}, of + `allowedHosts does not cover idp.example.com:443` + ended},
		"it may go elsewhere":      {map[string]string{"allowedHosts": "idp.example.com", "allowedTokenHosts": "other.example.com"}, of + `allowedTokenHosts does not cover idp.example.com:443` + ended},
		"the Secret names nothing": {map[string]string{"allowedHosts": ""}, of + `allowedHosts does not cover idp.example.com:443; it names no host` + ended},
	} {
		for _, required := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				secrets := testkit.NewSecrets(t)
				store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir), RequireAllowedHosts: required, TokenHosts: "orders.fanout-hosts"})
				endpoint, transport := answering(`{"access_token":"t","expires_in":10,"issued_token_type":"` + accessType + `"}`)
				secrets.Mount("shop", "client", map[string]string{"client_id": "me", "allowedHosts": "idp.example.com"})
				source := creds.NewTokenSource(creds.TokenOptions{
					TokenURL: "https://idp.example.com/token", Transport: transport, Certified: true, Exchange: &routeconfig.Exchange{Workload: true, SubjectTokenType: jwtType},
					Client: store.Client("shop", "client", "client_id"), Workload: store.Workload("shop", "https://sts.example.com/x"),
				})
				const missing = `service-account token "https://sts.example.com/x" is missing or empty`
				if token, _, err := tokenOf(t, source); token != "" || err == nil || err.Error() != missing || len(endpoint.forms) != 0 {
					t.Errorf("%s, without a token: %q, %v, asked by %v", name, token, err, endpoint.forms)
				}
				for _, text := range []string{"one", "two"} {
					files := map[string]string{"token": text}
					maps.Copy(files, row.hosts)
					secrets.Mount("shop", tokenFolder("https://sts.example.com/x"), files)
					store.Reload([]string{"."})
					time.Sleep(time.Minute)
					token, _, err := tokenOf(t, source)
					if row.forbid != "" && (err == nil || err.Error() != row.forbid || len(endpoint.forms) != 0) {
						t.Errorf("%s: %q, %v, asked by %v, want %s", name, token, err, endpoint.forms, row.forbid)
					}
					if row.forbid == "" && (token != "t" || err != nil || endpoint.forms[len(endpoint.forms)-1].Get("subject_token") != text) {
						t.Errorf("%s, with %s: %q, %v, asked by %v", name, text, token, err, endpoint.forms)
					}
				}
			})
		}
	}
}

// Whoever takes away the Secret that speaks for a service account has its token sent nowhere,
// though the token cannot be read at that time.
func TestATokenWhoseSecretIsGoneIsSentNowhere(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"the token is there": {"token": "t"}, "the token is gone": {"other": "x"}, "the token cannot be sent": {"token": "a\nb\n"},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", tokenFolder("aud"), map[string]string{"token": "t", "allowedHosts": "one.example.com"})
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
		token := store.Workload("shop", "aud")
		if why := token.Refuses("one.example.com", "443"); why != "" {
			t.Errorf("%s: before: %s", name, why)
		}
		secrets.Mount("shop", tokenFolder("aud"), files)
		store.Reload([]string{"."})
		const want = `allowedHosts does not cover one.example.com:443; no Secret that speaks for the service account has it, and without it the token is sent nowhere`
		if why := token.Refuses("one.example.com", "443"); why != want {
			t.Errorf("%s: %q, want %q", name, why, want)
		}
	}
}

// A fault of the certificate that the endpoint would be shown is told as it is: its words are
// ours.
func TestFaultsOfTheCertificateAreTold(t *testing.T) {
	t.Parallel()
	const want = `Secret "pair" is missing or empty`
	i := &issuer{says: func(int) (int, string, error) { return 0, "", fmt.Errorf("canary: %w", &creds.Fault{Text: want}) }}
	source, _ := fromIssuer(t, i, func(o *creds.TokenOptions) { o.Explain = func(error) string { return "explained" } })
	if token, _, err := tokenOf(t, source); token != "" || err == nil || err.Error() != want {
		t.Errorf("%q, %v, want %s", token, err, want)
	}
}
