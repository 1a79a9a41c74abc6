package gate

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// believing is a gate that believes two issuers, and how tokens of theirs are made.
func believing(t *testing.T, modify ...func(*routeconfig.Route)) (*Gate, *testkit.Signer) {
	t.Helper()
	signer := testkit.NewSigner(t, "one")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(signer.Keys()) }))
	t.Cleanup(server.Close)
	route := testkit.Route("orders", nil, func(r *routeconfig.Route) {
		issuer := func(name, header, prefix, query string) routeconfig.CallerJWT {
			return routeconfig.CallerJWT{
				Name: name, Issuer: "https://" + name + ".example", JWKSURI: server.URL, Algorithms: []string{"ES256"}, Audiences: []string{"orders"},
				Caller: []string{"sub"}, Header: header, Prefix: prefix, Query: query,
			}
		}
		r.Authentication = &routeconfig.Authentication{JWT: []routeconfig.CallerJWT{
			issuer("a", "Authorization", "Bearer", ""), issuer("b", "authorization", "bearer", ""), issuer("c", "X-Assertion", "", ""), issuer("d", "", "", "access_token"),
		}}
	})
	for _, m := range modify {
		m(&route)
	}
	o := Options{Config: &route, Store: creds.NewStore(creds.Options{}), Via: "fanout-x", Hashing: NewHashing(), Digests: jwt.NewDigests()}
	for _, config := range route.RateLimits {
		o.Limiters = append(o.Limiters, NewLimiter(config, testKey(t, config.Expression)))
	}
	for i := range route.Authentication.JWT {
		issuer := jwt.New(jwt.Options{Config: &route.Authentication.JWT[i], Dialer: dial.New(dial.Options{AllowLoopback: true}), Log: slog.New(slog.DiscardHandler)})
		issuer.Start()
		t.Cleanup(issuer.Close)
		o.Issuers = append(o.Issuers, issuer)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g, signer
}

func claims(issuer string) map[string]any {
	return map[string]any{"iss": "https://" + issuer + ".example", "sub": "ada", "aud": "orders", "exp": time.Now().Add(time.Hour).Unix()}
}

func TestTokensByTheirPlace(t *testing.T) {
	t.Parallel()
	g, signer := believing(t)
	a, b, c, d := signer.Sign(claims("a")), signer.Sign(claims("b")), signer.Sign(claims("c")), signer.Sign(claims("d"))
	for name, row := range map[string]struct {
		target string
		shown  []func(*http.Request)
		in     bool
		shows  bool // something that is no good
	}{
		"nothing":                      {"/", nil, false, false},
		"a token":                      {"/", []func(*http.Request){with("Authorization", "Bearer "+a)}, true, false},
		"of the other issuer":          {"/", []func(*http.Request){with("Authorization", "bEARER  "+b)}, true, false},
		"of the issuer of another":     {"/", []func(*http.Request){with("Authorization", "Bearer "+c)}, false, true},
		"without the prefix":           {"/", []func(*http.Request){with("Authorization", a)}, false, false},
		"another scheme":               {"/", []func(*http.Request){with("Authorization", "Basic "+a)}, false, false},
		"two lines":                    {"/", []func(*http.Request){with("Authorization", "Bearer "+a), with("Authorization", "Bearer "+a)}, false, false},
		"garbage":                      {"/", []func(*http.Request){with("Authorization", "Bearer x")}, false, true},
		"too long":                     {"/", []func(*http.Request){with("Authorization", "Bearer "+strings.Repeat("x", jwt.MaxToken+1))}, false, true},
		"in a field of its own":        {"/", []func(*http.Request){with("X-Assertion", c)}, true, false},
		"a blank field":                {"/", []func(*http.Request){with("X-Assertion", "")}, false, false},
		"in the wrong field":           {"/", []func(*http.Request){with("X-Assertion", a)}, false, true},
		"one that is bad and one good": {"/", []func(*http.Request){with("Authorization", "Bearer x"), with("X-Assertion", c)}, true, false},
		"in the query":                 {"/?x=1&access_token=" + d, nil, true, false},
		"in the query, escaped":        {"/?acce%73s_token=" + strings.ReplaceAll(d, ".", "%2E"), nil, true, false},
		"twice in the query":           {"/?access_token=" + d + "&access_token=" + d, nil, false, false},
		"nothing in the query":         {"/?access_token=", nil, false, false},
		"an escape that is none":       {"/?access_token=%zz", nil, false, false},
		"in the path":                  {"/access_token=" + d, nil, false, false},
		"of another, in the query":     {"/?access_token=" + a, nil, false, true},
	} {
		for _, again := range []string{"", ", again"} {
			call, refusal, _ := admit(g, "GET", row.target, row.shown...)
			if (refusal == nil) != row.in {
				t.Errorf("%s%s: %+v, want in %v", name, again, refusal, row.in)
				continue
			}
			if row.in {
				if call.Caller != "ada" || !strings.Contains(string(call.Claims), `"aud":"orders"`) || strings.Contains(call.Query, "token") {
					t.Errorf("%s%s: caller %q, claims %s, query %q", name, again, call.Caller, call.Claims, call.Query)
				}
				continue
			}
			want := `Bearer realm="fanout"`
			if row.shows {
				want += `, error="invalid_token"`
			}
			if refusal.Status != 401 || !slices.Equal(refusal.Values, []string{want}) ||
				refusal.Detail != "authentication of the route asks for a token in Authorization or X-Assertion or the query parameter access_token" {
				t.Errorf("%s%s: %+v, want %s", name, again, refusal, want)
			}
		}
	}
}

// Tokens in the query stop at the proxy, whether they admit anybody or not, and nothing else
// of it changes.
func TestTokensInTheQueryStopHere(t *testing.T) {
	t.Parallel()
	g, signer := believing(t)
	d := signer.Sign(claims("d"))
	for target, want := range map[string]string{
		"/?access_token=" + d:                               "- ",
		"/?a=%20+&access_token=" + d + "&&b=;c":             "? a=%20+&&b=;c",
		"/?%61ccess_token=" + d:                             "- ",
		"/?access_token=" + d + "&x":                        "? x",
		"/?Access_token=1&access_token=" + d + "&access%5F": "? Access_token=1&access%5F",
	} {
		call, refusal, _ := admit(g, "GET", target)
		if refusal != nil {
			t.Errorf("%s: %+v", target, refusal)
			continue
		}
		got := "- "
		if call.HasQuery {
			got = "? "
		}
		if got+call.Query != want {
			t.Errorf("%s: %q, want %q", target, got+call.Query, want)
		}
	}
	if call, _, _ := admit(g, "GET", "/?access_token=x&y", with("X-Assertion", signer.Sign(claims("c")))); call == nil || call.Query != "y" {
		t.Errorf("a token that is not looked at: %+v", call)
	}
	if call, _, _ := admit(g, "GET", "/?", with("X-Assertion", signer.Sign(claims("c")))); call == nil || !call.HasQuery {
		t.Error("an empty query is none any more")
	}
}

// Fields of tokens are credentials, which backends and expressions do not get.
func TestFieldsOfTokensAreHidden(t *testing.T) {
	t.Parallel()
	g, _ := believing(t)
	if !g.hidden("X-Assertion") || !g.hidden("Authorization") || g.hidden("X-Other") {
		t.Error("not the fields of tokens are hidden")
	}
}

// Where the issuer has never answered a token cannot be judged.
func TestTokensOfAnIssuerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	g, signer := believing(t, func(r *routeconfig.Route) {
		r.Authentication.JWT = r.Authentication.JWT[:1]
		r.Authentication.JWT[0].JWKSURI = "http://127.0.0.1:1/"
	})
	_, refusal, _ := admit(g, "GET", "/", with("Authorization", "Bearer "+signer.Sign(claims("a"))))
	if refusal == nil || refusal.Status != 503 || refusal.Field != "Retry-After" || refusal.Kind.Slug() != "caller-unjudged" {
		t.Errorf("%+v, want 503", refusal)
	}
	if _, refusal, _ = admit(g, "GET", "/", with("Authorization", "Bearer x")); refusal == nil || refusal.Status != 401 {
		t.Errorf("what is no token: %+v, want 401", refusal)
	}
}

// What was judged before is not judged again, and what is too long is neither kept nor read:
// neither costs memory.
func TestTokensThatAreNotJudgedAllocateNothing(t *testing.T) { // alone: it counts allocations
	g, signer := believing(t)
	known := g.proofs[0].(*tokens)
	guest := &Guest{Request: httptest.NewRequest(http.MethodGet, "/", nil)}
	for name, row := range map[string]struct {
		sent string
		want jwt.Verdict
	}{
		"judged before": {signer.Sign(claims("a")), jwt.Admitted},
		"too long":      {strings.Repeat("x", jwt.MaxToken+1), jwt.Refused},
	} {
		judge := func() {
			if _, got, _ := known.judge(guest, &known.places[0], row.sent); got != row.want {
				t.Errorf("%s: %v, want %v", name, got, row.want)
			}
		}
		judge()
		if n := testing.AllocsPerRun(100, judge); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
