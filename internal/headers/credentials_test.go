package headers

import (
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// M8: which field an SDK uses depends on its version: all that carry credentials by custom
// are held back, in any case and spelling, unless the route forwards them by name.
func TestM8FieldsOfCredentials(t *testing.T) {
	t.Parallel()
	in := http.Header{"Accept": {"a"}}
	carries := []string{
		"Authorization", "Cookie", "X-API-Key", "Api-Key", "apikey", "X-Goog-Api-Key", "X-Auth-Token", "X-Amz-Security-Token", "X-Access-Token",
		"Ocp-Apim-Subscription-Key", "x-functions-key", "xi-api-key", "PRIVATE-TOKEN", "X-Shopify-Access-Token", "X-Vault-Token",
		"X-CMC_PRO_API_KEY", "x_api_key", "CF-Access-Client-Secret", "CF-Access-Jwt-Assertion", "DD-APPLICATION-KEY", "X-Serverless-Authorization",
		"X-ms-authorization-auxiliary", "DPoP", "X-RapidAPI-Key", "X-MBX-APIKEY", "Plaid-Secret", "X-Till",
	}
	for _, name := range carries {
		in.Set(name, "secret")
	}
	passing := []string{
		"Accept", "Idempotency-Key", "X-CSRF-Token", "X-Continuation-Token", "Surrogate-Key", "X-Request-Id", "Traceparent", "X-Tenant", "Keyring", "Tokens",
		"Sec-Websocket-Key", "X-Secretary", "My_Field",
	}
	for _, name := range passing {
		in.Set(name, "v")
	}
	credentials := NewCredentials([]string{"x-till"})
	got := Compile(Options{Credentials: credentials}).Apply(in, nil, Received)
	for _, name := range carries {
		if _, ok := got[http.CanonicalHeaderKey(name)]; ok || !credentials.Has(http.CanonicalHeaderKey(name)) {
			t.Errorf("%s reaches a backend", name)
		}
	}
	for _, name := range passing {
		if name = http.CanonicalHeaderKey(name); got[name] == nil && got[strings.ToLower(name)] == nil {
			t.Errorf("%s does not reach a backend", name)
		}
	}
	forward := []string{"authorization", "X-API-KEY", "Ocp-Apim-Subscription-Key", "X-TILL", "x-cmc-pro-api-key"}
	got = Compile(Options{Credentials: credentials, Forward: forward}).Apply(in, nil, Received)
	var passed []string
	for _, name := range carries {
		if _, ok := got[http.CanonicalHeaderKey(name)]; ok {
			passed = append(passed, name)
		}
	}
	want := []string{"Authorization", "X-API-Key", "Ocp-Apim-Subscription-Key", "X-CMC_PRO_API_KEY", "x_api_key", "X-Till"}
	if !slices.Equal(passed, want) {
		t.Errorf("forwarded are %q, want %q", passed, want)
	}
}

// M8: the list stands in docs, all of it and nothing else.
func TestM8ListInDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	for marker, want := range map[string][]string{"names": names(), "endings": endings()} {
		_, rest, ok := strings.Cut(string(text), "<!-- credentials: "+marker+" -->\n")
		if !ok {
			t.Fatalf("docs/semantics.md has no %s of credentials", marker)
		}
		paragraph, _, _ := strings.Cut(rest, "\n\n")
		var got []string
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(paragraph, -1) {
			got = append(got, m[1])
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("docs/semantics.md has the %s\n%q, the code\n%q", marker, got, want)
		}
	}
}

// M5: receivers that hand fields on as variables cannot tell X_Key from X-Key: what we set,
// hold back or reserve is so in every spelling.
func TestM5OddSpellings(t *testing.T) {
	t.Parallel()
	odd := []string{
		"X_Forwarded_For", "X-Forwarded_Proto", "Fanout_Outcome", "Content_Length", "Transfer_Encoding", "X_Request_Id", "X_Request-Id",
		"Accept_Encoding", "X_Real_Ip", "Proxy_Authorization", "Proxy", "X_Source", "X_Key", "X_Hop", "X_Debug", "X.Forwarded.For", "X_Computed", "If_Match",
	}
	kept := []string{"X_Many", "X_Other_Field", "X-Request-Id", "X_source"}
	in := http.Header{"Connection": {"close, X-Hop"}, "X-Source": {"caller's"}, "X-Key": {"caller's"}}
	for _, name := range append(odd, kept...) {
		in[http.CanonicalHeaderKey(name)] = []string{"caller's"}
	}
	delete(in, "X_source")
	got := Compile(Options{
		Combined: true, Via: "me", Remove: []string{"x-debug", "x-computed"}, Set: []Field{{"x-source", "ours"}, {"x_many", "ours"}}, Shown: []string{"x-key"},
	}).Apply(in, []Field{{"x-computed", "ours"}}, Received)
	want := []string{"Accept-Encoding", "User-Agent", "Via", "X-Computed", "X-Request-Id", "X-Source", "X_many", "X_other_field"}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("fields are\n%q, want\n%q", names, want)
	}
	if got.Get("X-Source") != "ours" || got["X_many"][0] != "ours" {
		t.Errorf("fields are %v", got)
	}
	named := Compile(Options{}).Apply(http.Header{"Connection": {"X_Hop, X-Request-Id"}, "X-Hop": {"1"}, "X-Request-Id": {"id"}}, nil, Received)
	if named["X-Hop"] != nil || named["X-Request-Id"] == nil {
		t.Errorf("Connection takes our own field, or leaves what it names: %v", named)
	}
	response := Response(http.Header{
		"Fanout_Outcome": {"forged"}, "Fanout.Backends": {"forged"}, "X_Request_Id": {"1"}, "Content_Length": {"3"}, "Transfer_Encoding": {"chunked"},
		"Connection": {"X-Hop"}, "X_Hop": {"1"}, "X_Order": {"7"},
	})
	if names := slices.Sorted(maps.Keys(response)); !slices.Equal(names, []string{"X_Order"}) {
		t.Errorf("fields of the response are %q", names)
	}
}

func BenchmarkApply(b *testing.B) {
	in := http.Header{}
	for _, name := range []string{
		"Accept", "Accept-Language", "Authorization", "Content-Type", "Cookie", "Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site",
		"Traceparent", "User-Agent", "X-Api-Key", "X-Forwarded-For", "X-Request-Id", "X-Tenant",
	} {
		in[name] = []string{"v"}
	}
	r := Compile(Options{Combined: true, Via: "me"})
	b.ReportAllocs()
	for b.Loop() {
		r.Apply(in, nil, Received)
	}
}
