package routeconfig_test

import (
	"bytes"
	"strconv"
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

func storeless(r *routeconfig.Route) { r.RateLimits = []routeconfig.RateLimit{{Shared: true}} }

func told(modify func(*routeconfig.Tracing)) func(*routeconfig.Route) {
	t := &routeconfig.Tracing{Endpoint: "http://x", Protocol: routeconfig.TracingHTTP}
	modify(t)
	return func(r *routeconfig.Route) { r.Tracing = t }
}

func stored(modify func(*routeconfig.RateLimitStore)) func(*routeconfig.Route) {
	s := &routeconfig.RateLimitStore{Addresses: []string{"redis:1"}, Topology: routeconfig.TopologyStandalone, Timeout: 1, Proxies: 1}
	modify(s)
	return func(r *routeconfig.Route) { r.RateLimitStore = s }
}

func TestWhatAProxyCannotServeIsRefused(t *testing.T) {
	t.Parallel()
	first := func(modify func(*routeconfig.Backend)) func(*routeconfig.Route) {
		return func(r *routeconfig.Route) { modify(&r.Backends[0]) }
	}
	for words, modify := range map[string]func(*routeconfig.Route){
		`namespace ".." is no plain name`:                    func(r *routeconfig.Route) { r.Namespace = ".." },
		`name "a/b" is no plain name`:                        func(r *routeconfig.Route) { r.Name = "a/b" },
		"listener.port is 0":                                 func(r *routeconfig.Route) { r.Listener.Port = 0 },
		"validation.maxBodySize is 67108865":                 func(r *routeconfig.Route) { r.Validation.MaxBodySize = 64<<20 + 1 },
		"backends is 0":                                      func(r *routeconfig.Route) { r.Backends = nil },
		`dispatch.policy is "Most"`:                          func(r *routeconfig.Route) { r.Dispatch.Policy = "Most" },
		"dispatch.quorum is 2":                               func(r *routeconfig.Route) { r.Dispatch.Policy, r.Dispatch.Quorum = "Quorum", 2 },
		"dispatch.required is empty":                         func(r *routeconfig.Route) { r.Dispatch.Policy = "Required" },
		"dispatch.required is 1":                             func(r *routeconfig.Route) { r.Dispatch.Policy, r.Dispatch.Required = "Required", []int{1} },
		"response.primary is 1":                              func(r *routeconfig.Route) { r.Response.Primary = 1 },
		`response.type is "Zip"`:                             func(r *routeconfig.Route) { r.Response.Type = "Zip" },
		`backend "one": appears twice`:                       func(r *routeconfig.Route) { r.Backends = append(r.Backends, r.Backends[0]) },
		`backend "one": timeout is 0`:                        first(func(b *routeconfig.Backend) { b.Timeout = 0 }),
		`is not http or https with a host`:                   first(func(b *routeconfig.Backend) { b.URL = "ftp://x" }),
		`url of host "x" has a user or fragment`:             first(func(b *routeconfig.Backend) { b.URL = "http://u@x" }),
		`retry.attempts is 11`:                               first(func(b *routeconfig.Backend) { b.Retry = &routeconfig.Retry{Attempts: 11, Methods: "All"} }),
		`authentication.basic.secretName "../x" is no plain`: first(func(b *routeconfig.Backend) { b.Credential = &routeconfig.Credential{Type: "basic", Secret: "../x"} }),
		`exactly one of header and query`: first(func(b *routeconfig.Backend) {
			b.Credential = &routeconfig.Credential{Type: "apiKey", Secret: "x", Key: "k"}
		}),
		`tls.caSecretName "." is no plain name`:       first(func(b *routeconfig.Backend) { b.TLS = &routeconfig.TLS{CASecret: "."} }),
		`rateLimit.burst is 0`:                        func(r *routeconfig.Route) { r.RateLimits = []routeconfig.RateLimit{{Requests: 1, Per: 1}} },
		"rateLimitStore is missing, and a rate limit": storeless,
		`rateLimit.onStoreFailure is ""`:              storeless,
		`rateLimitStore.topology is "Ring"`:           stored(func(s *routeconfig.RateLimitStore) { s.Topology = "Ring" }),
		"rateLimitStore.addresses is 0":               stored(func(s *routeconfig.RateLimitStore) { s.Addresses = nil }),
		`"redis" is no host:port`:                     stored(func(s *routeconfig.RateLimitStore) { s.Addresses = []string{"redis"} }),
		"rateLimitStore.database is 16":               stored(func(s *routeconfig.RateLimitStore) { s.Database = 16 }),
		"rateLimitStore.timeout is 0":                 stored(func(s *routeconfig.RateLimitStore) { s.Timeout = 0 }),
		"rateLimitStore.proxies is 0":                 stored(func(s *routeconfig.RateLimitStore) { s.Proxies = 0 }),
		"rateLimitStore.master goes with":             stored(func(s *routeconfig.RateLimitStore) { s.Master = "m" }),
		`redis.secretName "a/b" is no plain name`:     stored(func(s *routeconfig.RateLimitStore) { s.Secret = "a/b" }),
		"rateLimit.per is 2678400000000001": func(r *routeconfig.Route) {
			r.RateLimits = []routeconfig.RateLimit{{Shared: true, Per: 31*24*3600e9 + 1}}
		},
		"rateLimit.per is 86400000000001":        func(r *routeconfig.Route) { r.RateLimits = []routeconfig.RateLimit{{Per: 24*3600e9 + 1}} },
		`rateLimits is 9`:                        func(r *routeconfig.Route) { r.RateLimits = make([]routeconfig.RateLimit, 9) },
		`rateLimit.key is "cookie"`:              func(r *routeconfig.Route) { r.RateLimits = []routeconfig.RateLimit{{Key: "cookie"}} },
		`rateLimit.expression goes with the key`: func(r *routeconfig.Route) { r.RateLimits = []routeconfig.RateLimit{{Key: "expression"}} },
		`rateLimit.told cannot go with report`:   func(r *routeconfig.Route) { r.RateLimits = []routeconfig.RateLimit{{Report: true, Told: true}} },
		`accessLog.fields is "Query", not one of`: func(r *routeconfig.Route) {
			r.AccessLog = &routeconfig.AccessLog{Type: "All", Fields: []string{"Query"}}
		},
		`tracing.endpoint is not http or https`:        told(func(t *routeconfig.Tracing) { t.Endpoint = "grpc://x" }),
		`tracing.endpoint of host "x" has a user`:      told(func(t *routeconfig.Tracing) { t.Endpoint = "http://u@x" }),
		`tracing.endpoint has a query`:                 told(func(t *routeconfig.Tracing) { t.Endpoint = "http://x/?" }),
		`tracing.endpoint has a path, and the`:         told(func(t *routeconfig.Tracing) { t.Endpoint, t.Protocol = "http://x/a", "GRPC" }),
		`tracing.protocol is "Zipkin"`:                 told(func(t *routeconfig.Tracing) { t.Protocol = "Zipkin" }),
		`tracing.samplePercent is 101`:                 told(func(t *routeconfig.Tracing) { t.SamplePercent = 101 }),
		`tracing.caSecretName "a/b" is no plain`:       told(func(t *routeconfig.Tracing) { t.CASecret = "a/b" }),
		`tracing.caSecret goes with an https endpoint`: told(func(t *routeconfig.Tracing) { t.Endpoint, t.CASecret = "http://otlp.example.com", "ca" }),
		`tracing.headersSecretName "a/b" is no plain`:  told(func(t *routeconfig.Tracing) { t.HeadersSecret = "a/b" }),
		`response.partialStatusCode is 300, not`:       func(r *routeconfig.Route) { r.Response.PartialStatusCode = 300 },
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
		"version": strings.Replace(good, `"version":2`, `"version":3`, 1), "field": strings.Replace(good, `"version":2`, `"version":2,"later":true`, 1),
		"two": good + good, "too large": good + strings.Repeat(" ", 64<<20), "cut": good[:len(good)/2],
	} {
		if _, err := routeconfig.Decode([]byte(bad)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A document of the version before is refused for what it is, and not for the first of its
// fields that is not known any more.
func TestTheMessageNamesTheOtherVersion(t *testing.T) {
	t.Parallel()
	shadow := `{"version":1,"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"two","shadow":{"percent":10,"compare":"Body","reference":0}}]}]}`
	for encoded, words := range map[string]string{
		shadow:                       "of version 1 and this proxy reads version 2: the operator that wrote it is older than the proxy",
		`{"version":1,"routes":[]}`:  "of version 1 and this proxy reads version 2: the operator that wrote it is older than the proxy",
		`{"version":3,"pools":[{}]}`: "of version 3 and this proxy reads version 2: the operator that wrote it is newer than the proxy",
		`{"version":3,"routes":[]}`:  "of version 3 and this proxy reads version 2: the operator that wrote it is newer than the proxy",
		`{"version":2,"pools":[{}]}`: `unknown field "pools"`,
	} {
		if _, err := routeconfig.Decode([]byte(encoded)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q in it", encoded, err, words)
		}
	}
}

// Shadows are a list of their own, which no index means, with the bounds of backends.
func TestShadowsAreHeldToTheirBounds(t *testing.T) {
	t.Parallel()
	shadow := func(modify func(*routeconfig.Shadow)) func(*routeconfig.Route) {
		return testkit.Shadow(testkit.Receiver("two", "https://two.example.com/"), routeconfig.CompareBody, modify)
	}
	for words, modify := range map[string]func(*routeconfig.Route){
		`backend "one": appears twice`:                shadow(func(s *routeconfig.Shadow) { s.Name = "one" }),
		`backend "two": timeout is 0`:                 shadow(func(s *routeconfig.Shadow) { s.Timeout = 0 }),
		`shadow "two": percent is 101`:                shadow(func(s *routeconfig.Shadow) { s.Percent = 101 }),
		`shadow "two": compare is "All"`:              shadow(func(s *routeconfig.Shadow) { s.Compare = "All" }),
		`shadow "two": reference is 1, not between 0`: shadow(func(s *routeconfig.Shadow) { s.Reference = 1 }),
		`shadow "two": reference is -1`:               shadow(func(s *routeconfig.Shadow) { s.Reference = -1 }),
		"dispatch.required is 1": func(r *routeconfig.Route) {
			shadow(func(*routeconfig.Shadow) {})(r)
			r.Dispatch.Policy, r.Dispatch.Required = "Required", []int{1}
		},
		"compare is Body, and the response is streamed": func(r *routeconfig.Route) {
			shadow(func(*routeconfig.Shadow) {})(r)
			r.Response.Type = "First"
		},
		"backends is 0": func(r *routeconfig.Route) {
			shadow(func(*routeconfig.Shadow) {})(r)
			r.Backends = nil
		},
		"backends and shadows is 33": func(r *routeconfig.Route) {
			for i := range 32 {
				testkit.Shadow(testkit.Receiver("s"+strconv.Itoa(i), "https://two.example.com/"), routeconfig.CompareNone)(r)
			}
		},
	} {
		if _, err := routeconfig.Decode(document(t, modify)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want %q in it", err, words)
		}
	}
	if _, err := routeconfig.Decode(document(t, shadow(func(*routeconfig.Shadow) {}))); err != nil {
		t.Errorf("a good shadow: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(document(f))
	f.Add([]byte(`{"version":2,"routes":[{}]}`))
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
