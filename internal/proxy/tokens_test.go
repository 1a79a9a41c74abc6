package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// renewalsWithin is how often a token may be renewed because of 401s: at once, and after
// pauses of 1, 2, 4 s and so on.
func renewalsWithin(d time.Duration) int64 {
	n := int64(1)
	for pause := time.Second; d >= pause; pause = min(2*pause, 30*time.Second) {
		n++
		d -= pause
	}
	return n
}

// N1: a backend that refuses every token is asked once a call, and the token endpoint once
// a pause.
func TestN1BackendThatRefusesEveryTokenIsAskedOnce(t *testing.T) {
	t.Parallel()
	const calls = 40
	s := newTokenServer(t, `,"expires_in":3600`, nil)
	b := testkit.NewBackend(t, status(401))
	p := s.serve(t, b.URL)
	begun := time.Now()
	for range calls {
		if r := p.Do("POST", "orders", "/", "{}"); !strings.Contains(r.Header.Get("Fanout-Backends"), "reason=status;status=401") {
			t.Errorf("%d %s, want the 401", r.Status, r.Header.Get("Fanout-Backends"))
		}
	}
	renewed, most := s.issued.Load()-1, renewalsWithin(time.Since(begun))
	if renewed < 1 || renewed > most || int64(b.Count()) != calls+renewed {
		t.Errorf("%d renewals and %d requests for %d calls; want %d renewals at most, and a request more for each", renewed, b.Count(), calls, most)
	}
}

// together answers the first n requests when all of them are there.
func together(n int64, next http.HandlerFunc) http.HandlerFunc {
	var there atomic.Int64
	all := make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		if there.Add(1) == n {
			close(all)
		}
		<-all
		next(w, r)
	}
}

// N1: of many calls that are refused one token at the same time, one asks again; the others
// follow where that helps.
func TestN1ConcurrentCallsFollowTheFirst(t *testing.T) {
	t.Parallel()
	const calls = 40
	for name, row := range map[string]struct {
		refused  func(token string) bool
		status   int
		requests int
	}{
		"every token is refused":   {func(string) bool { return true }, 502, calls + 1},
		"the first one is refused": {func(token string) bool { return token == "Bearer t1" }, 200, 2 * calls},
	} {
		s := newTokenServer(t, `,"expires_in":3600`, nil)
		b := testkit.NewBackend(t, together(calls, func(w http.ResponseWriter, r *http.Request) {
			if row.refused(r.Header.Get("Authorization")) {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
		p := s.serve(t, b.URL)
		var running sync.WaitGroup
		var other atomic.Int64
		for range calls {
			running.Go(func() {
				if r := p.Do("POST", "orders", "/", "{}"); r.Status != row.status {
					other.Add(1)
				}
			})
		}
		running.Wait()
		if s.issued.Load() != 2 || b.Count() != row.requests || other.Load() > 0 {
			t.Errorf("%s: %d tokens, %d requests, %d calls without %d; want 2, %d and none",
				name, s.issued.Load(), b.Count(), other.Load(), row.status, row.requests)
		}
	}
}

// N1: a 401 takes no token away before there is another one, and the same one is not sent again.
func TestN1TokenIsKeptWhileThereIsNoOther(t *testing.T) {
	t.Parallel()
	for name, endpoint := range map[string]func(w http.ResponseWriter){
		"the endpoint fails":         func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"the endpoint has no other":  func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"access_token":"t1"}`) },
		"the endpoint leaves it out": func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{}`) },
	} {
		var asked, answered atomic.Int64
		s := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if asked.Add(1) > 1 {
				endpoint(w)
				return
			}
			_, _ = io.WriteString(w, `{"access_token":"t1"}`)
		})
		b := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
			if answered.Add(1) == 1 {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		p := (&tokenServer{Backend: s}).serve(t, b.URL)
		if r := p.Do("POST", "orders", "/", "{}"); !strings.Contains(r.Header.Get("Fanout-Backends"), "status=401") || b.Count() != 1 {
			t.Errorf("%s: %s after %d requests, want the 401 of the one", name, r.Header.Get("Fanout-Backends"), b.Count())
		}
		if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
			t.Errorf("%s: the next call is %d %s", name, r.Status, r.Header.Get("Fanout-Backends"))
		}
	}
}

// N2: why there is no token is in the log, once, and on /status; and so is that there is
// one again.
func TestN2WhyThereIsNoTokenIsTold(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	secure := httptest.NewTLSServer(nil)
	t.Cleanup(secure.Close)
	answers := func(code int, body string) string {
		return testkit.NewBackend(t, testkit.Respond(code, "application/json", body)).URL
	}
	for name, row := range map[string]struct {
		endpoint, want string
		options        proxy.Options
	}{
		"a code":              {endpoint: answers(401, `{"error":"invalid_client","error_description":"hunter2"}`), want: "token endpoint answered 401 invalid_client"},
		"a code in a form":    {endpoint: answers(400, "error=invalid_scope&error_description=hunter2"), want: "token endpoint answered 400 invalid_scope"},
		"a code nobody knows": {endpoint: answers(400, `{"error":"hunter2"}`), want: "token endpoint answered 400"},
		"a code with a 200":   {endpoint: answers(200, `{"error":"invalid_client"}`), want: "token endpoint answered 200 invalid_client"},
		"a status":            {endpoint: answers(503, "hunter2"), want: "token endpoint answered 503"},
		"a redirect":          {endpoint: answers(307, ""), want: "token endpoint answered 307: redirects are not followed"},
		"no token":            {endpoint: answers(200, `{"hunter2":1}`), want: "token endpoint answered 200 without an access_token that can be read"},
		"refused":             {endpoint: closed.URL, want: "token endpoint cannot be asked: connect (connection refused)"},
		"a stranger":          {endpoint: secure.URL, want: "token endpoint cannot be asked: tls (unknown authority)"},
		"a forbidden place": {
			endpoint: closed.URL, options: proxy.Options{Dialer: dial.New(dial.Options{})},
			want: "token endpoint cannot be asked: forbiddenAddress (an address within 127.0.0.0/8)",
		},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "id", "client_secret": "hunter2"})
		row.options.AccessLogSample = 1 << 30
		p := proxytest.ServeWith(t, secrets, row.options, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", closed.URL, credential(routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: row.endpoint})))))
		for range 5 {
			p.Do("POST", "orders", "/", "{}")
		}
		lines := p.Log.Lines(t, "backend fails")
		if len(lines) != 1 || lines[0]["detail"] != row.want || lines[0]["backend"] != "one" || lines[0]["route"] != "shop/orders" {
			t.Errorf("%s: logged %v, want one line with %q", name, lines, row.want)
		}
		if page := p.Ask("/status").Body; !strings.Contains(page, fmt.Sprintf(`"lastFailure":{"reason":"credential","message":%q`, row.want)) || strings.Contains(page, "hunter2") {
			t.Errorf("%s: /status does not say %q, or says too much: %s", name, row.want, page)
		}
		if strings.Contains(p.Log.String(), "hunter2") {
			t.Errorf("%s: the log shows what the endpoint wrote", name)
		}
	}
}

// N2: an endpoint that is silent is told too, though it is the time of the backend that ends.
func TestN2SilentEndpointsAreTold(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newTokenServer(t, "", func(http.ResponseWriter) bool { <-release; return true })
	p := s.serve(t, testkit.NewBackend(t, nil).URL, func(r *routeconfig.Route) { r.Backends[0].Timeout = testkit.Span(100 * time.Millisecond) })
	p.Do("POST", "orders", "/", "{}")
	if lines := p.Log.Lines(t, "backend fails"); len(lines) != 1 || lines[0]["detail"] != "token endpoint has not answered in time" {
		t.Errorf("logged %v", lines)
	}
	close(release)
	for end := time.Now().Add(time.Minute); len(p.Log.Lines(t, "backend answers")) == 0; time.Sleep(100 * time.Millisecond) {
		if p.Do("POST", "orders", "/", "{}"); time.Now().After(end) {
			t.Fatal("the healing is not logged within a minute")
		}
	}
}

// N2: an allowedHosts that keeps a Secret from its backend is told before any call, with
// what is wrong in it.
func TestN2AllowedHostsAreTold(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	host := strings.TrimPrefix(b.URL, "http://")
	for allowed, want := range map[string]string{
		host:                                   "",
		"other\n" + host:                       "",
		"*\n" + host:                           "",
		"other.example.com":                    "allowedHosts does not cover " + host,
		b.URL:                                  "allowedHosts does not cover " + host + "; line 1 of it can never match: it has a scheme; write host or host:port",
		"\nx.example.com\n" + host + "/":       "allowedHosts does not cover " + host + "; line 3 of it can never match: it has a slash; write host or host:port",
		"*.0.0.1":                              "allowedHosts does not cover " + host + "; line 1 of it can never match: it has a wildcard, and hosts are compared as they are; write host or host:port",
		"me@" + host:                           "allowedHosts does not cover " + host + "; line 1 of it can never match: it has a user; write host or host:port",
		"a.example.com, " + host:               "allowedHosts does not cover " + host + "; line 1 of it can never match: it is more than one host; write host or host:port",
		"127.0.0.1:http":                       "allowedHosts does not cover " + host + "; line 1 of it can never match: its port is no number from 1 to 65535; write host or host:port",
		"127.0.0.1:":                           "allowedHosts does not cover " + host + "; line 1 of it can never match: its port is no number from 1 to 65535; write host or host:port",
		":" + strings.SplitAfter(host, ":")[1]: "allowedHosts does not cover " + host + "; line 1 of it can never match: it is no host; write host or host:port",
		"# ours":                               "allowedHosts does not cover " + host + "; line 1 of it can never match: it is more than one host; write host or host:port",
		"[::1]\nfd00::1\n[::1]:80":             "allowedHosts does not cover " + host,
		"\n":                                   "allowedHosts does not cover " + host + "; it names no host",
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "v", "allowedHosts": allowed})
		p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, apiKey()))))
		told := fmt.Sprintf(`"missing":[{"secret":"key","key":"allowedHosts","backend":"one","seconds":0,"message":%q}]`, want)
		if page := p.Ask("/status").Body; strings.Contains(page, told) == (want == "") || want == "" && strings.Contains(page, "missing") {
			t.Errorf("%q: want %q in %s", allowed, want, page)
		}
		p.Do("POST", "orders", "/", "{}")
		failed := fmt.Sprintf(`"lastFailure":{"reason":"credential","message":%q`, `Secret "key": `+want)
		if page := p.Ask("/status").Body; strings.Contains(page, failed) == (want == "") {
			t.Errorf("%q after a call: want %q in %s", allowed, want, page)
		}
	}
}

// N2: what a Secret lacks is told as the last failure, too.
func TestN2MissingSecretsAreTold(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		keys map[string]string
		want string
	}{
		"no Secret": {nil, `Secret "key" is missing or empty`}, "another key": {map[string]string{"other": "v"}, `Secret "key" lacks the key "key"`},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "key", row.keys)
		p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "http://127.0.0.1:1", apiKey()))))
		for range 3 {
			p.Do("POST", "orders", "/", "{}")
		}
		if lines := p.Log.Lines(t, "backend fails"); len(lines) != 1 || lines[0]["detail"] != row.want {
			t.Errorf("%s: logged %v, want %q", name, lines, row.want)
		}
	}
}

// N3: whatever is a token is one, however its endpoint spells life and media type.
func TestN3TokensInTheWild(t *testing.T) {
	t.Parallel()
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	token := func(rest string) string { return `{"access_token":"t1","token_type":"Bearer"` + rest + `}` }
	for name, row := range map[string]struct{ media, body string }{
		"no life":               {jsonType, token(``)},
		"null":                  {jsonType, token(`,"expires_in":null`)},
		"a string":              {jsonType, token(`,"expires_in":"3600"`)},
		"an empty string":       {jsonType, token(`,"expires_in":""`)},
		"words":                 {jsonType, token(`,"expires_in":"one hour"`)},
		"a fraction":            {jsonType, token(`,"expires_in":3599.9`)},
		"a fraction as string":  {jsonType, token(`,"expires_in":"3599.9"`)},
		"an exponent":           {jsonType, token(`,"expires_in":3.6e3`)},
		"negative":              {jsonType, token(`,"expires_in":-1`)},
		"beyond 64 bits":        {jsonType, token(`,"expires_in":99999999999999999999`)},
		"beyond all bits":       {jsonType, token(`,"expires_in":1e999`)},
		"a bool":                {jsonType, token(`,"expires_in":true`)},
		"an object":             {jsonType, token(`,"expires_in":{"seconds":3600}`)},
		"a list":                {jsonType, token(`,"expires_in":[3600]`)},
		"a date":                {jsonType, token(`,"expires_in":"2026-01-02T03:04:05Z"`)},
		"less than a second":    {jsonType, token(`,"expires_in":0.001`)},
		"no error":              {jsonType, token(`,"error":null,"scope":["a"],"refresh_token":7`)},
		"no error, as a bool":   {jsonType, token(`,"error":false`)},
		"no type of the token":  {jsonType, `{"access_token":"t1"}`},
		"lower case":            {jsonType, `{"access_token":"t1","token_type":"bearer"}`},
		"a type of Apigee's":    {jsonType, `{"access_token":"t1","token_type":"BearerToken"}`},
		"a type of null":        {jsonType, `{"access_token":"t1","token_type":null}`},
		"a charset":             {"application/json; charset=utf-8", token(``)},
		"JSON as text":          {"text/plain; charset=utf-8", token(`,"expires_in":3600`)},
		"JSON as JavaScript":    {"text/javascript", token(``)},
		"JSON as a form":        {formType, token(``)},
		"JSON as HTML":          {"text/html", token(``)},
		"JSON of a vendor":      {"application/vnd.idp+json", token(``)},
		"JSON as nonsense":      {";;", token(``)},
		"JSON without a type":   {"", token(``)},
		"JSON behind a mark":    {jsonType, "\ufeff\r\n " + token(``) + "\r\n"},
		"a form":                {formType, "access_token=t1&token_type=bearer&expires_in=3600"},
		"a form with a charset": {formType + "; charset=UTF-8", "token_type=bearer&access_token=t1"},
		"a form as text":        {"text/plain", "access_token=t1&expires=5183999\n"},
		"a form as JSON":        {jsonType, "access_token=t1&expires_in=soon"},
		"a form without a type": {"", "access_token=t1"},
		"a form with a fault":   {formType, "access_token=t1&scope=%zz"},
	} {
		s := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			if row.media != "" {
				w.Header().Set("Content-Type", row.media)
			}
			_, _ = io.WriteString(w, row.body)
		})
		b := testkit.NewBackend(t, nil)
		p := (&tokenServer{Backend: s}).serve(t, b.URL)
		for range 3 {
			if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 || b.Last(t).Header.Get("Authorization") != "Bearer t1" {
				t.Errorf("%s: %d %s", name, r.Status, r.Header.Get("Fanout-Backends"))
				break
			}
		}
		if n := s.Count(); n != 1 {
			t.Errorf("%s: %d token requests for 3 calls, want one", name, n)
		}
	}
}

// N3: what is no token is none, and N4: one that cannot stand in a field is never sent.
func TestN3WhatIsNoToken(t *testing.T) {
	t.Parallel()
	const unreadable = "token endpoint answered 200 without an access_token that can be read"
	const unfit = "token endpoint answered 200 with an access_token that cannot stand in a header field (RFC 6749, appendix A.12)"
	for body, want := range map[string]string{
		`{"access_token":""}`: unreadable, `{"access_token":null}`: unreadable, `{"access_token":5}`: unreadable, `{"access_token":["t"]}`: unreadable,
		`{"access_token":"t1"`: unreadable, `["t1"]`: unreadable, `"t1"`: unreadable, `t1`: unreadable, ``: unreadable, `{}`: unreadable,
		`{"access_token":"t1"} {}`:                        unreadable,
		`{"access_token":"a\nb"}`:                         unfit,
		`{"access_token":"a\r\n"}`:                        unfit,
		`{"access_token":"a\u0000b"}`:                     unfit,
		`{"access_token":" a"}`:                           unfit,
		`{"access_token":"é"}`:                            unfit,
		`access_token=a%0Ab`:                              unfit,
		`{"access_token":"t1","token_type":"DPoP"}`:       "token endpoint answered 200 with a token_type that is no Bearer (RFC 6749, section 7.1)",
		`{"access_token":"t1","error":"invalid_request"}`: "token endpoint answered 200 invalid_request",
	} {
		s := testkit.NewBackend(t, testkit.Respond(200, "application/json", body))
		b := testkit.NewBackend(t, nil)
		p := (&tokenServer{Backend: s}).serve(t, b.URL)
		r := p.Do("POST", "orders", "/", "{}")
		if lines := p.Log.Lines(t, "backend fails"); len(lines) != 1 || lines[0]["detail"] != want {
			t.Errorf("%s: logged %v, want %q", body, lines, want)
		}
		if !strings.Contains(r.Header.Get("Fanout-Backends"), "reason=credential") || b.Count() != 0 {
			t.Errorf("%s: %s, %d requests", body, r.Header.Get("Fanout-Backends"), b.Count())
		}
	}
}

// N2: where allowedHosts is required, and for the token endpoint, it is told too.
func TestN2AllowedHostsOfOthersAreTold(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	host := strings.TrimPrefix(b.URL, "http://")
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "v"})
	secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "id", "client_secret": "v", "allowedHosts": host})
	p := proxytest.ServeWith(t, secrets, proxy.Options{RequireAllowedHosts: true}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", b.URL, apiKey()),
		testkit.Receiver("two", b.URL, credential(routeconfig.Credential{
			Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: "https://idp.example.com/token",
		})))))
	page := p.Ask("/status").Body
	for _, want := range []string{
		`"backend":"one","seconds":0,"message":"allowedHosts does not cover ` + host + `; the Secret lacks that key, which is required here"`,
		`"backend":"two","seconds":0,"message":"allowedHosts does not cover idp.example.com:443"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("/status lacks %s: %s", want, page)
		}
	}
}

// A Secret with a key for token endpoints is sent to those, and the token to the backend.
func TestAllowedTokenHosts(t *testing.T) {
	t.Parallel()
	s := newTokenServer(t, ``, nil)
	b := testkit.NewBackend(t, nil)
	idp, api := strings.TrimPrefix(s.URL, "http://"), strings.TrimPrefix(b.URL, "http://")
	for name, row := range map[string]struct{ hosts, tokenHosts, want string }{
		"one of each":        {api, idp, ""},
		"the one for both":   {api + "\n" + idp, "", ""},
		"the one alone":      {api, "", `"key":"allowedHosts","backend":"one","seconds":0,"message":"allowedHosts does not cover ` + idp + `"`},
		"another endpoint":   {api, "idp.example.com", `"key":"allowedTokenHosts","backend":"one","seconds":0,"message":"allowedTokenHosts does not cover ` + idp + `"`},
		"the other way":      {idp, api, `"key":"allowedHosts","backend":"one","seconds":0,"message":"allowedHosts does not cover ` + api + `"`},
		"a scheme before it": {api, "https://" + idp, `allowedTokenHosts does not cover ` + idp + `; line 1 of it can never match: it has a scheme; write host or host:port"`},
	} {
		secrets := testkit.NewSecrets(t)
		keys := map[string]string{"client_id": "id", "client_secret": "v", "allowedHosts": row.hosts}
		if row.tokenHosts != "" {
			keys["allowedTokenHosts"] = row.tokenHosts
		}
		secrets.Mount(testkit.Namespace, "client", keys)
		p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", b.URL, credential(routeconfig.Credential{
				Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: s.URL + "/token",
			})))))
		asked, called := s.Count(), b.Count()
		r := p.Do("POST", "orders", "/", "{}")
		page := p.Ask("/status").Body
		if row.want == "" {
			if r.Status != 200 || strings.Contains(page, "allowed") {
				t.Errorf("%s: %d %s, /status %s", name, r.Status, r.Body, page)
			}
			continue
		}
		if !strings.Contains(r.Header.Get("Fanout-Backends"), "reason=credential") || !strings.Contains(page, row.want) || s.Count() != asked || b.Count() != called {
			t.Errorf("%s: %d, %d token requests, %d calls, /status %s", name, r.Status, s.Count()-asked, b.Count()-called, page)
		}
	}
}
