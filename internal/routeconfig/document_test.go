package routeconfig_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func document(t testing.TB, modify ...func(*routeconfig.Route)) []byte {
	t.Helper()
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "https://one.example.com/x")), modify...)
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{route}})
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestDecodedDocumentsEncodeToTheSameBytes(t *testing.T) {
	t.Parallel()
	encoded := document(t)
	d, err := routeconfig.Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	again, err := routeconfig.Encode(d)
	if err != nil || !bytes.Equal(again, encoded) || routeconfig.Hash(again) != routeconfig.Hash(encoded) {
		t.Errorf("got %s (%v), want %s", again, err, encoded)
	}
}

func TestWhatAProxyCannotServeIsRefused(t *testing.T) {
	t.Parallel()
	first := func(modify func(*routeconfig.Backend)) func(*routeconfig.Route) {
		return func(r *routeconfig.Route) { modify(&r.Backends[0]) }
	}
	for words, modify := range map[string]func(*routeconfig.Route){
		`namespace ".." is no plain name`:      func(r *routeconfig.Route) { r.Namespace = ".." },
		`name "a/b" is no plain name`:          func(r *routeconfig.Route) { r.Name = "a/b" },
		"listener.port is 0":                   func(r *routeconfig.Route) { r.Listener.Port = 0 },
		"validation.maxBodySize is 67108865":   func(r *routeconfig.Route) { r.Validation.MaxBodySize = 64<<20 + 1 },
		"backends is 0":                        func(r *routeconfig.Route) { r.Backends = nil },
		`dispatch.policy is "Most"`:            func(r *routeconfig.Route) { r.Dispatch.Policy = "Most" },
		"dispatch.quorum is 2":                 func(r *routeconfig.Route) { r.Dispatch.Policy, r.Dispatch.Quorum = "Quorum", 2 },
		"dispatch.required is empty":           func(r *routeconfig.Route) { r.Dispatch.Policy = "Required" },
		"dispatch.required is 1":               func(r *routeconfig.Route) { r.Dispatch.Policy, r.Dispatch.Required = "Required", []int{1} },
		"response.primary is 1":                func(r *routeconfig.Route) { r.Response.Primary = 1 },
		`response.type is "Zip"`:               func(r *routeconfig.Route) { r.Response.Type = "Zip" },
		`backend "one": appears twice`:         func(r *routeconfig.Route) { r.Backends = append(r.Backends, r.Backends[0]) },
		`backend "one": timeout is 0`:          first(func(b *routeconfig.Backend) { b.Timeout = 0 }),
		`is not http or https with a host`:     first(func(b *routeconfig.Backend) { b.URL = "ftp://x" }),
		`has a user, query or fragment`:        first(func(b *routeconfig.Backend) { b.URL = "http://u@x" }),
		`retry.attempts is 11`:                 first(func(b *routeconfig.Backend) { b.Retry = &routeconfig.Retry{Attempts: 11, Methods: "All"} }),
		`credential.secret "../x" is no plain`: first(func(b *routeconfig.Backend) { b.Credential = &routeconfig.Credential{Type: "basic", Secret: "../x"} }),
		`exactly one of header and query`: first(func(b *routeconfig.Backend) {
			b.Credential = &routeconfig.Credential{Type: "apiKey", Secret: "x", Key: "k"}
		}),
		`tls.caSecret "." is no plain name`:      first(func(b *routeconfig.Backend) { b.TLS = &routeconfig.TLS{CASecret: "."} }),
		`rateLimit.burst is 0`:                   func(r *routeconfig.Route) { r.RateLimits = []routeconfig.RateLimit{{Requests: 1, Per: 1}} },
		`response.partialStatusCode is 300, not`: func(r *routeconfig.Route) { r.Response.PartialStatusCode = 300 },
	} {
		if _, err := routeconfig.Decode(document(t, modify)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want %q in it", err, words)
		}
	}
}

func TestDocumentsOfAnotherVersionAreRefused(t *testing.T) {
	t.Parallel()
	good := string(document(t))
	for name, bad := range map[string]string{
		"version": strings.Replace(good, `"version":1`, `"version":2`, 1), "field": strings.Replace(good, `"version":1`, `"version":1,"later":true`, 1),
		"two": good + good, "too large": good + strings.Repeat(" ", 64<<20), "cut": good[:len(good)/2],
	} {
		if _, err := routeconfig.Decode([]byte(bad)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(document(f))
	f.Add([]byte(`{"version":1,"routes":[{}]}`))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		d, err := routeconfig.Decode(encoded)
		if err != nil {
			return
		}
		again, err := routeconfig.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := routeconfig.Decode(again); err != nil {
			t.Errorf("a document that was read cannot be read again: %v", err)
		}
	})
}
