package v1alpha1_test

import (
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

// one is the part of a spec that most rows share.
const one = "backends: [{name: a, url: 'https://a.example.com/data'}]\n"

// row is a spec and what the API server says of it: nothing, or a sentence that
// holds each of the words.
type row struct {
	name    string
	spec    string
	refused []string
}

func ok(name, spec string) row                      { return row{name: name, spec: spec} }
func bad(name, spec string, sentence ...string) row { return row{name, spec, sentence} }
func backend(fields string) string {
	return "backends: [{name: a, url: 'https://a.example.com/x', " + fields + "}]\n"
}
func shadowed(fields string) string {
	return "backends: [{name: a, url: 'https://a.example.com/'}, {name: b, url: 'https://b.example.com/', shadow: {" + fields + "}}]\n"
}
func store(fields string) string          { return "rateLimitStore: {type: Redis, redis: {" + fields + "}}\n" }
func authentication(fields string) string { return backend("authentication: {" + fields + "}") }
func newClient(t *testing.T, o client.Options) client.Client {
	t.Helper()
	o.Scheme = apiserver.Scheme()
	c, err := client.New(config, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read is a row's spec.
func read(t *testing.T, spec string) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(spec), &object); err != nil {
		t.Fatalf("row is no YAML: %v\n%s", err, spec)
	}
	return object
}

// send creates a route as kubectl does by default, where unknown fields are refused,
// without keeping it, and returns what would be kept.
func send(t *testing.T, c client.Client, name string, spec any) (*unstructured.Unstructured, error) {
	t.Helper()
	u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(map[string]any{"spec": spec})}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	u.SetNamespace("default")
	u.SetName(name)
	err := c.Create(t.Context(), u, client.FieldValidation(metav1.FieldValidationStrict), client.DryRunAll)
	return u, err
}

// check judges each row, and each without any one of its fields (Q1): no rule may break on
// what is not there.
func check(t *testing.T, rows []row) {
	t.Helper()
	c := newClient(t, client.Options{})
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			spec := read(t, r.spec)
			_, err := send(t, c, "row", spec)
			judge(t, err, r.refused)
			leaveOut(t, c, spec)
		})
	}
}

func judge(t *testing.T, err error, refused []string) {
	t.Helper()
	if len(refused) == 0 {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) || strings.Contains(err.Error(), "no such key") {
		t.Fatalf("error %v, want it refused with %q", err, refused)
	}
	for _, words := range refused {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("refused with %v\nwant %q in it", err, words)
		}
	}
}

func TestSpecRules(t *testing.T) {
	t.Parallel()
	two := "backends: [{name: a, url: 'https://a.example.com/'}, {name: b, service: {name: b, port: 80}}]\n"
	check(t, []row{
		ok("one backend is enough", one),
		bad("no backend is none", "backends: []", "spec.backends"),
		bad("backends are unique by name", "backends: [{name: a, url: 'https://a.b/'}, {name: a, url: 'https://b.b/'}]", "spec.backends[1]", "Duplicate"),
		bad("names begin with a letter", "backends: [{name: 1a, url: 'https://a.b/'}]", "spec.backends[0].name"),
		ok("a quorum of all", "dispatch: {successPolicy: {type: Quorum, quorum: {count: 2}}}\n"+two),
		bad("a quorum beyond all", "dispatch: {successPolicy: {type: Quorum, quorum: {count: 3}}}\n"+two, "dispatch.successPolicy.quorum.count must not exceed"),
		bad("Quorum without quorum", "dispatch: {successPolicy: {type: Quorum}}\n"+two, "dispatch.successPolicy.quorum goes with type Quorum"),
		bad("quorum without Quorum", "dispatch: {successPolicy: {type: Any, quorum: {count: 1}}}\n"+two, "dispatch.successPolicy.quorum goes with type Quorum"),
		ok("Required names backends", "dispatch: {successPolicy: {type: Required, required: {backends: [b]}}}\n"+two),
		bad("Required names a stranger", "dispatch: {successPolicy: {type: Required, required: {backends: [c]}}}\n"+two, "dispatch.successPolicy.required.backends must name backends"),
		bad("Required without required", "dispatch: {successPolicy: {type: Required}}\n"+two, "dispatch.successPolicy.required goes with type Required"),
		ok("Primary names a backend", "response: {type: Primary, primary: {backend: b}}\n"+two),
		bad("Primary names a stranger", "response: {type: Primary, primary: {backend: c}}\n"+two, "response.primary.backend must name"),
		bad("Primary without primary", "response: {type: Primary}\n"+two, "response.primary goes with type Primary"),
		bad("Primary with Any", "dispatch: {successPolicy: {type: Any}}\nresponse: {type: Primary, primary: {backend: b}}\n"+two, "response.type Primary cannot go with dispatch.successPolicy.type Any"),
		ok("a partial status with BestEffort", "dispatch: {successPolicy: {type: BestEffort}}\nresponse: {partialStatusCode: 206}\n"+two),
		bad("a partial status with All", "response: {partialStatusCode: 206}\n"+two, "response.partialStatusCode applies only with"),
		bad("a partial status without a body", "dispatch: {successPolicy: {type: BestEffort}}\nresponse: {partialStatusCode: 204}\n"+two, "response.partialStatusCode must not be 204"),
		bad("a partial status with First", "dispatch: {successPolicy: {type: BestEffort}}\nresponse: {type: First, partialStatusCode: 207}\n"+two, "response.partialStatusCode goes with types"),
		ok("merge with Merge", "response: {type: Merge, merge: {onConflict: Collect, arrays: Unique}}\n"+two),
		bad("merge with Envelope", "response: {merge: {onConflict: Last}}\n"+two, "response.merge goes with type Merge"),
		ok("headers with Envelope", "response: {headersFromBackends: [X-Order-Id, Set-Cookie]}\n"+two),
		bad("headers of one body", "response: {headersFromBackends: [ETag]}\n"+two, "response.headersFromBackends must not name"),
		bad("a digest of one body (P2)", "response: {headersFromBackends: [Repr-Digest]}\n"+two, "response.headersFromBackends must not name"),
		bad("a date of one body (P2)", "response: {headersFromBackends: [X-Order-Id, last-modified]}\n"+two, "response.headersFromBackends must not name"),
		bad("our own headers", "response: {headersFromBackends: [fanout-outcome]}\n"+two, "response.headersFromBackends must not name"),
		bad("headers with First", "response: {type: First, headersFromBackends: [X-A]}\n"+two, "response.headersFromBackends goes with types"),
	})
}

func TestListenerRules(t *testing.T) {
	t.Parallel()
	check(t, []row{
		ok("a prefix and methods", "listener: {matches: [{path: {value: /orders}, methods: [POST]}]}\n"+one),
		bad("a path without slash", "listener: {matches: [{path: {value: orders}}]}\n"+one, "listener.matches.path.value must begin with /"),
		bad("a path with a query", "listener: {matches: [{path: {value: '/a?b'}}]}\n"+one, "listener.matches.path.value must begin with /"),
		ok("P6: X-Forwarded-For", backend("request: {clientAddress: XForwardedFor}")),
		ok("P6: Forwarded", backend("request: {clientAddress: Forwarded}")),
		ok("P6: nothing of the client", backend("request: {clientAddress: None}")),
		bad("P6: another field", backend("request: {clientAddress: X-Real-IP}"), "spec.backends[0].request.clientAddress"),
		ok("R10: an access log of its defaults", "proxy: {accessLog: {}}\n"+one),
		ok("R10: a sample", "proxy: {accessLog: {oneIn: 1}}\n"+one),
		ok("R10: a sample, and its type", "proxy: {accessLog: {type: Sampled, oneIn: 1000000}}\n"+one),
		ok("R10: no access log", "proxy: {accessLog: {type: None}}\n"+one),
		bad("R10: a sample of all", "proxy: {accessLog: {type: All, oneIn: 2}}\n"+one, "proxy.accessLog.oneIn goes with type Sampled"),
		bad("R10: a sample of none", "proxy: {accessLog: {type: None, oneIn: 2}}\n"+one, "proxy.accessLog.oneIn goes with type Sampled"),
		bad("R10: one in none", "proxy: {accessLog: {oneIn: 0}}\n"+one, "spec.proxy.accessLog.oneIn"),
		bad("R10: one in too many", "proxy: {accessLog: {oneIn: 1000001}}\n"+one, "spec.proxy.accessLog.oneIn"),
		bad("R10: another type", "proxy: {accessLog: {type: Some}}\n"+one, "spec.proxy.accessLog.type"),
		ok("fields of a line", "proxy: {accessLog: {type: All, fields: [RequestID, TraceID, Method, Path, Status, Duration, Bytes, Client, Caller, Outcome, Backends]}}\n"+one),
		bad("fields of no line", "proxy: {accessLog: {type: None, fields: [Path]}}\n"+one, "proxy.accessLog.fields does not go with type None"),
		bad("no fields", "proxy: {accessLog: {fields: []}}\n"+one, "spec.proxy.accessLog.fields"),
		bad("a field twice", "proxy: {accessLog: {fields: [Path, Path]}}\n"+one, "spec.proxy.accessLog.fields"),
		bad("a field that is none", "proxy: {accessLog: {fields: [Query]}}\n"+one, "spec.proxy.accessLog.fields[0]"),
		bad("a peer that is two", "proxy: {networkPolicy: {from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}}\n"+one, "proxy.networkPolicy.from must have either"),
		bad("a reader of metrics that is none", "proxy: {networkPolicy: {metricsFrom: [{}]}}\n"+one, "proxy.networkPolicy.metricsFrom must have either"),
		ok("a reader of metrics", "proxy: {networkPolicy: {metricsFrom: [{namespaceSelector: {matchLabels: {a: b}}}]}}\n"+one),
		bad("a sidecar on its own admin port", "listener: {port: 9091}\nproxy: {mode: Sidecar}\n"+one, "listener.port must not be 9091"),
		ok("9091 where it is a Service's", "listener: {port: 9091}\n"+one),
		ok("a hedge after a delay", backend("hedge: {delay: 80ms}")),
		ok("a hedge by percentile", backend("hedge: {percentile: 95, max: 2, budgetPercent: 0}")),
		bad("a hedge without time", backend("hedge: {max: 2}"), "backends.hedge must have either delay or percentile"),
		bad("a hedge with two times", backend("hedge: {delay: 80ms, percentile: 95}"), "backends.hedge must have either delay or percentile"),
		bad("a hedge at once", backend("hedge: {delay: 0s}"), "backends.hedge.delay must be between 1ms and 10m"),
		bad("a percentile of nothing", backend("hedge: {percentile: 100}"), "spec.backends[0].hedge.percentile"),
		ok("a circuit breaker with its defaults", backend("circuitBreaker: {}")),
		ok("a circuit breaker for slow answers", backend("circuitBreaker: {failurePercent: 100, slowerThan: 1s}")),
		bad("a circuit that never opens", backend("circuitBreaker: {failurePercent: 0}"), "spec.backends[0].circuitBreaker.failurePercent"),
		bad("a window too short", backend("circuitBreaker: {window: 10ms}"), "backends.circuitBreaker.window must be between 1s and 1h"),
		ok("a condition", backend("when: \"request.body.region == 'eu'\"")),
		bad("an empty condition", backend("when: ''"), "spec.backends[0].when"),
		ok("expressions everywhere", backend("request: {path: {type: Expression, expression: request.path}, query: {set: [{name: a, expression: request.method}]}, headers: {set: [{name: X-A, expression: request.host}]}, body: {type: Expression, expression: request.body}}")),
		bad("a body without its expression", backend("request: {body: {type: Expression}}"), "backends.request.body.expression goes with type Expression"),
		bad("an expression without its type", backend("request: {path: {expression: request.path}}"), "backends.request.path.expression goes with type Expression"),
		bad("a field with two values", backend("request: {headers: {set: [{name: X-A, value: a, expression: request.host}]}}"), "backends.request.headers.set must have either value or expression"),
		bad("a parameter without value", backend("request: {query: {set: [{name: a}]}}"), "backends.request.query.set must have either value or expression"),
		ok("an empty parameter", backend("request: {query: {set: [{name: a, value: ''}]}}")),
		bad("a primary with a condition", "response: {type: Primary, primary: {backend: a}}\n"+backend("when: 'true'"), "response.primary.backend must not have when"),
		ok("a stream", "response: {type: First, stream: {idleTimeout: 1h}}\n"+one),
		bad("a stream of several", "response: {type: Merge, stream: {}}\n"+one, "response.stream applies only with response.type First or Primary"),
		bad("a stream that must not pause", "response: {type: First, stream: {idleTimeout: 0s}}\n"+one, "response.stream.idleTimeout must be between 1ms and 24h"),
		ok("a shadow", shadowed("percent: 10, compare: Body, ignoredPaths: [/at, '/items/*/id']")),
		ok("a shadow with its defaults", shadowed("")),
		bad("shadows alone", backend("shadow: {}"), "backends must have one that is no shadow"),
		bad("a quorum with a shadow", "dispatch: {successPolicy: {type: Quorum, quorum: {count: 2}}}\n"+shadowed(""), "must not exceed the number of backends that are no shadows"),
		bad("a required shadow", "dispatch: {successPolicy: {type: Required, required: {backends: [b]}}}\n"+shadowed(""), "must name backends of this route that are no shadows"),
		bad("a primary shadow", "response: {type: Primary, primary: {backend: b}}\n"+shadowed(""), "must name a backend of this route that is no shadow"),
		bad("bodies of a stream", "response: {type: First}\n"+shadowed("compare: Body"), "backends.shadow.compare Body cannot go with response.type First or Primary"),
		ok("outcomes beside a stream", "response: {type: First}\n"+shadowed("compare: Outcome")),
		bad("a path that is no pointer", shadowed("compare: Body, ignoredPaths: [at]"), "spec.backends[1].shadow.ignoredPaths[0]"),
		bad("paths for nothing", shadowed("ignoredPaths: [/at]"), "backends.shadow.ignoredPaths applies only with compare Body"),
		ok("HTTP/1.1 alone", backend("protocol: HTTP1")),
		bad("HTTP/2 without TLS, over TLS", backend("protocol: H2C"), "backends.protocol H2C is HTTP/2 without TLS"),
		ok("HTTP/2 without TLS", "backends: [{name: a, service: {name: a, port: 80}, protocol: H2C}]\n"),
		bad("HTTP/2 without TLS, to a Service with it", "backends: [{name: a, service: {name: a, port: 80, scheme: https}, protocol: H2C}]\n", "backends.protocol H2C is HTTP/2 without TLS"),
		bad("HTTP/3", backend("protocol: HTTP3"), "spec.backends[0].protocol"),
		ok("a client certificate", backend("tls: {clientCertificateSecretName: me}")),
		ok("a queue", backend("maxConcurrentRequests: 2, maxQueuedRequests: 4")),
		bad("a queue for nothing", backend("maxQueuedRequests: 4"), "backends.maxQueuedRequests applies only with backends.maxConcurrentRequests"),
		ok("no repetitions but one a second", backend("retry: {budgetPercent: 0}")),
		bad("TRACE", "listener: {matches: [{methods: [TRACE]}]}\n"+one, "spec.listener.matches[0].methods[0]"),
		bad("port 0", "listener: {port: 70000}\n"+one, "spec.listener.port"),
		ok("trusted networks", "listener: {clientIP: {trustedCIDRs: [10.0.0.0/8, 'fd00::/8']}}\n"+one),
		bad("a trusted address", "listener: {clientIP: {trustedCIDRs: [10.0.0.1]}}\n"+one, "listener.clientIP.trustedCIDRs must be networks"),
		ok("API keys", "authentication: {apiKeys: {secretName: callers}}\n"+one),
		ok("passwords", "authentication: {basic: {secretName: users}}\n"+one),
		bad("passwords of no Secret", "authentication: {basic: {}}\n"+one, "spec.authentication.basic.secretName"),
		bad("authentication by nothing", "authentication: {}\n"+one, "authentication must not be empty: set authentication.apiKeys"),
		ok("a limit by client", "rateLimits: [{name: a, requests: 1, key: {type: ClientIP}}]\n"+one),
		ok("a limit by header", "rateLimits: [{name: a, requests: 1, key: {header: X-Tenant}}]\n"+one),
		ok("a limit by caller", "authentication: {apiKeys: {secretName: c}}\nrateLimits: [{name: a, requests: 1, key: {type: Caller}, mode: Report}]\n"+one),
		bad("a limit by caller of nobody", "rateLimits: [{name: a, requests: 1, key: {type: Caller}}]\n"+one, "rateLimits.key.type Caller needs authentication"),
		ok("a limit by an expression", "rateLimits: [{name: a, requests: 1, fields: None, key: {type: Expression, expression: request.query.a}}]\n"+one),
		bad("a limit by no expression", "rateLimits: [{name: a, requests: 1, key: {type: Expression}}]\n"+one, "rateLimits.key.expression goes with type Expression"),
		bad("an expression for another key", "rateLimits: [{name: a, requests: 1, key: {type: ClientIP, expression: request.path}}]\n"+one, "rateLimits.key.expression goes with type Expression"),
		ok("a quota of a month", "rateLimits: [{name: a, requests: 100000, per: 720h, scope: Route, onStoreFailure: Deny}]\n"+store("addresses: ['redis:6379'], secretName: s, tls: {}")+one),
		ok("a limit in the operator's store", "rateLimits: [{name: a, requests: 1, scope: Route}]\n"+one),
		ok("sentinels", store("addresses: ['a:1', '[fd00::1]:2'], topology: Sentinel, masterName: m, database: 3")+one),
		ok("a cluster", store("addresses: ['a:1', 'b:2'], topology: Cluster, keyPrefix: 'a:'")+one),
		bad("a quota of a proxy", "rateLimits: [{name: a, requests: 1, per: 25h}]\n"+one, "rateLimits.per over 24h needs scope Route"),
		bad("a quota of a year", "rateLimits: [{name: a, requests: 1, per: 745h, scope: Route}]\n"+one, "rateLimits.per must be between 1ms and 744h"),
		bad("a failure of no store", "rateLimits: [{name: a, requests: 1, onStoreFailure: Allow}]\n"+one, "rateLimits.onStoreFailure applies only with scope Route"),
		bad("a store without redis", "rateLimitStore: {type: Redis}\n"+one, "rateLimitStore.redis goes with type Redis"),
		bad("another store", "rateLimitStore: {type: Memcached}\n"+one, "spec.rateLimitStore.type"),
		bad("a store that takes its time", "rateLimitStore: {type: Redis, redis: {addresses: ['a:1']}, timeout: 2s}\n"+one, "rateLimitStore.timeout must be between 1ms and 1s"),
		bad("two servers", store("addresses: ['a:1', 'b:2']")+one, "rateLimitStore.redis.addresses must be one with topology Standalone"),
		bad("sentinels without a name", store("addresses: ['a:1'], topology: Sentinel")+one, "rateLimitStore.redis.masterName goes with topology Sentinel"),
		bad("a name without sentinels", store("addresses: ['a:1'], masterName: m")+one, "rateLimitStore.redis.masterName goes with topology Sentinel"),
		bad("a database of a cluster", store("addresses: ['a:1'], topology: Cluster, database: 0")+one, "rateLimitStore.redis.database cannot go with topology Cluster"),
		bad("a server without port", store("addresses: [redis]")+one, "spec.rateLimitStore.redis.addresses[0]"),
		bad("a server with a user", store("addresses: ['u:p@redis:1']")+one, "spec.rateLimitStore.redis.addresses[0]"),
		bad("no server", store("addresses: []")+one, "spec.rateLimitStore.redis.addresses"),
		bad("a prefix with a hash tag", store("addresses: ['a:1'], keyPrefix: '{a}'")+one, "spec.rateLimitStore.redis.keyPrefix"),
		bad("a limit in no mode", "rateLimits: [{name: a, requests: 1, mode: Warn}]\n"+one, "spec.rateLimits[0].mode"),
		bad("a limit by no header", "rateLimits: [{name: a, requests: 1, key: {}}]\n"+one, "rateLimits.key.header goes with type Header"),
		bad("a limit for no time", "rateLimits: [{name: a, requests: 1, per: 0s}]\n"+one, "rateLimits.per must be between"),
		ok("a size", "validation: {maxBodySize: 64Mi}\n"+one),
		bad("Q9: a size in milli", "validation: {maxBodySize: 10m}\n"+one, "validation.maxBodySize must be a whole number of bytes, and m is a thousandth: 10m is 0.01 bytes; write 10Mi"),
		bad("Q9: a size in micro", "validation: {maxBodySize: 20u}\n"+one, "validation.maxBodySize must be a whole number of bytes"),
		bad("Q9: a size of bytes and a half", "validation: {maxBodySize: '1.5'}\n"+one, "validation.maxBodySize must be a whole number of bytes"),
		bad("Q9: a part of Mi that comes to no byte", "validation: {maxBodySize: 1.1Mi}\n"+one, "1.1Mi", "validation.maxBodySize must be a whole number of bytes"),
		bad("Q9: milli beyond one", backend("maxResponseSize: 1500m"), "1500m", "backends.maxResponseSize must be a whole number of bytes"),
		bad("Q9: one below", backend("maxResponseSize: 64m"), "64m", "backends.maxResponseSize must be a whole number of bytes"),
		ok("Q9: a part of Mi that does", "validation: {maxBodySize: 1.5Mi}\n"+backend("maxResponseSize: 63.25Mi")),
		ok("Q9: a thousand thousandths", "validation: {maxBodySize: 3000m}\n"+one),
		ok("H17: integers as Helm writes them", "dispatch: {maxInFlight: 1e+03}\nlistener: {port: 8.08e+03}\n"+one),
		bad("H17: no integer at all", "dispatch: {maxInFlight: 1.5e+00}\n"+one, "maxInFlight"),
		ok("Q9: no bytes", "validation: {maxBodySize: '0'}\n"+one),
		bad("Q9: beyond all numbers", "validation: {maxBodySize: '1e30'}\n"+one, "validation.maxBodySize must be between"),
		bad("a size too large", "validation: {maxBodySize: 65Mi}\n"+one, "validation.maxBodySize must be between"),
		bad("a size as a number", "validation: {maxBodySize: 1024}\n"+one, "spec.validation.maxBodySize", "must be of type string"),
		bad("a size of no meaning", "validation: {maxBodySize: big}\n"+one, "validation.maxBodySize must be between"),
		bad("a negative size", "validation: {maxBodySize: '-1'}\n"+one, "validation.maxBodySize must be between"),
		bad("no time for the body", "validation: {bodyTimeout: 0s}\n"+one, "validation.bodyTimeout must be between"),
		ok("a media type", "validation: {contentTypes: [application/vnd.api+json]}\n"+one),
		bad("a media type with parameters", "validation: {contentTypes: ['text/plain; charset=utf-8']}\n"+one, "validation.contentTypes must be media types"),
		bad("a timeout beyond the limit", "dispatch: {timeout: 11m}\n"+one, "dispatch.timeout must be between"),
		bad("a duration without unit", "dispatch: {timeout: '5'}\n"+one, "spec.dispatch.timeout"),
		bad("labels of the operator", "proxy: {template: {labels: {fanout.dev/x: v}}}\n"+one, "proxy.template.labels must not begin with"),
		bad("annotations of the operator", "proxy: {template: {annotations: {fanout.dev/x: v}}}\n"+one, "proxy.template.annotations must not begin with"),
	})
}

func TestBackendRules(t *testing.T) {
	t.Parallel()
	check(t, []row{
		bad("neither url nor service", "backends: [{name: a}]", "exactly one of url and service"),
		bad("url and service", backend("service: {name: b, port: 80}"), "exactly one of url and service"),
		bad("a url with a user", "backends: [{name: a, url: 'https://u:p@a/'}]", "backends.url must be"),
		bad("a url with a query", "backends: [{name: a, url: 'https://a/?b'}]", "backends.url must be"),
		bad("a url with a fragment", "backends: [{name: a, url: 'https://a/#b'}]", "backends.url must be"),
		bad("a url of another scheme", "backends: [{name: a, url: 'ftp://a/'}]", "backends.url must be"),
		ok("a url with an IPv6 host", "backends: [{name: a, url: 'http://[fd00::1]:8080/x'}]"),
		ok("tls with https", backend("tls: {serverName: a.internal}")),
		bad("tls without https", "backends: [{name: a, url: 'http://a.b/', tls: {serverName: a}}]", "backends.tls goes with an https"),
		bad("tls of nothing", backend("tls: {}"), "backends.tls must have"),
		ok("tls with an https service", "backends: [{name: a, service: {name: a, port: 443, scheme: https}, tls: {caSecretName: ca}}]"),
		bad("a service path without slash", "backends: [{name: a, service: {name: a, port: 80, path: x}}]", "backends.service.path must begin with /"),
		bad("a timeout of nothing", backend("timeout: 0s"), "backends.timeout must be between"),
		bad("a response size of nothing", backend("maxResponseSize: '0'"), "backends.maxResponseSize must be between"),
		ok("a limit that is waited for", backend("rateLimit: {requests: 1, onLimit: Wait}")),
		ok("a limit of all proxies together", backend("rateLimit: {requests: 100000, per: 720h, onLimit: Wait, scope: Route, onStoreFailure: Allow}")),
		bad("a quota of a proxy with a backend", backend("rateLimit: {requests: 1, per: 25h}"), "backends.rateLimit.per over 24h needs scope Route"),
		bad("a failure of no store with a backend", backend("rateLimit: {requests: 1, onStoreFailure: Deny}"), "backends.rateLimit.onStoreFailure applies only with scope Route"),
		bad("a limit that drops", backend("rateLimit: {requests: 1, onLimit: Drop}"), "spec.backends[0].rateLimit.onLimit"),
		bad("a limit for no time", backend("rateLimit: {requests: 1, per: 0s}"), "backends.rateLimit.per must be between"),
		bad("a retry of another failure", backend("retry: {retryOn: [tooLarge]}"), "spec.backends[0].retry.retryOn[0]"),
		bad("an attempt of no time", backend("retry: {attemptTimeout: 0s}"), "backends.retry.attemptTimeout must be between"),
		bad("a long first wait", backend("retry: {backoff: {initial: 2m}}"), "backends.retry.backoff.initial must be at most"),
		bad("a long last wait", backend("retry: {backoff: {max: 11m}}"), "backends.retry.backoff.max must be at most"),
		ok("Q1: a rule beside an API key", backend("authentication: {type: APIKey, apiKey: {secretName: s, key: k, header: X-K}}, request: {headers: {set: [{name: X-A, value: v}]}}")),
		ok("Q1: an API key alone", backend("authentication: {type: APIKey, apiKey: {secretName: s, key: k, header: X-K}}")),
		bad("Q1: tls with a Service that says no scheme", "backends: [{name: a, service: {name: a, port: 443}, tls: {caSecretName: ca}}]", "backends.tls goes with an https"),
		ok("Q1: a host by default", backend("request: {host: {}}")),
		bad("Q1: a host without its type", backend("request: {host: {value: a.internal}}"), "backends.request.host.value goes with type Value"),
		ok("Q1: empty objects", backend("request: {host: {}, path: {}, query: {}, headers: {}, body: {}}, retry: {backoff: {}}, circuitBreaker: {}")),
		bad("Q1: an empty key", "rateLimits: [{name: a, requests: 1, key: {}}]\n"+one, "rateLimits.key.header goes with type Header"),
		bad("Q1: a header for another key", "rateLimits: [{name: a, requests: 1, key: {type: ClientIP, header: X-A}}]\n"+one, "rateLimits.key.header goes with type Header"),
		ok("Q1: a shadow beside a stream", "response: {type: Primary, primary: {backend: a}}\n"+shadowed("")),
		ok("a retry", backend("retry: {attempts: 2, attemptTimeout: 100ms, methods: All, retryOn: [reset, '503']}")),
		bad("eleven attempts", backend("retry: {attempts: 11}"), "spec.backends[0].retry.attempts"),
		bad("a success of 1xx", backend("successStatusCodes: [101]"), "spec.backends[0].successStatusCodes[0]"),
		bad("Host by a rule", backend("request: {headers: {set: [{name: Host, value: x}]}}"), "backends.request.headers.set must not name Host"),
		bad("a line break in a value", backend(`request: {headers: {set: [{name: X-A, value: "a\nb"}]}}`), "spec.backends[0].request.headers.set[0].value"),
		ok("Host by value", backend("request: {host: {type: Value, value: a.internal}}")),
		bad("Host by value without one", backend("request: {host: {type: Value}}"), "backends.request.host.value goes with type Value"),
		ok("forwarded credentials (M8)", backend("request: {forwardCredentials: [Cookie, authorization, X-Anything, APIKey]}")),
		bad("too many of them (M8)", backend("request: {forwardCredentials: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]}"), "must have at most 16 items"),
		bad("one that is no name (M8)", backend("request: {forwardCredentials: ['X Key']}"), "forwardCredentials[0]"),
		ok("credential fields of an open route (M8)", "authentication: {credentialHeaders: [X-Till]}\n"+one),
		bad("too many credential fields (M8)", "authentication: {credentialHeaders: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]}\n"+one, "must have at most 16 items"),
	})
}

func TestAuthenticationRules(t *testing.T) {
	t.Parallel()
	oauth2 := func(fields string) string {
		return authentication("type: OAuth2, oauth2: {secretName: s, " + fields + "}")
	}
	check(t, []row{
		ok("OAuth2", oauth2("tokenURL: 'https://idp/token', scopes: [a]")),
		ok("OAuth2 within the cluster", oauth2("tokenURL: 'http://idp.shop.svc:8080/token'")),
		ok("OAuth2 on loopback", oauth2("tokenURL: 'http://127.0.0.1:1/token'")),
		bad("OAuth2 in the clear", oauth2("tokenURL: 'http://idp.example.com/token'"), "backends.authentication.oauth2.tokenURL must be https"),
		bad("OAuth2 by another name", oauth2("tokenURL: 'https://idp/', parameters: [{name: scope, value: x}]"), "backends.authentication.oauth2.parameters must not name"),
		ok("OAuth2 for an audience and resources", oauth2("tokenURL: 'https://idp/', audience: orders, resources: ['https://a.example.com/', 'urn:x:y']")),
		bad("OAuth2 for a resource with a fragment", oauth2("tokenURL: 'https://idp/', resources: ['https://a.example.com/#x']"), "oauth2.resources"),
		bad("OAuth2 for a resource that is no URI", oauth2("tokenURL: 'https://idp/', resources: [orders]"), "oauth2.resources"),
		bad("OAuth2 for two audiences", oauth2("tokenURL: 'https://idp/', audience: a, parameters: [{name: audience, value: x}]"), "must not name audience beside oauth2.audience"),
		bad("OAuth2 for resources said twice", oauth2("tokenURL: 'https://idp/', resources: ['urn:x:y'], parameters: [{name: resource, value: x}]"), "must not name resource beside oauth2.resources"),
		bad("OAuth2 by an assertion of one's own", oauth2("tokenURL: 'https://idp/', parameters: [{name: client_assertion, value: x}]"), "backends.authentication.oauth2.parameters must not name"),
		ok("OAuth2 by a JWT", oauth2("tokenURL: 'https://idp/', clientAuthentication: PrivateKeyJWT, assertionAudience: 'https://idp'")),
		bad("OAuth2 by a secret, for an audience of a JWT", oauth2("tokenURL: 'https://idp/', clientAuthentication: Post, assertionAudience: 'https://idp'"), "assertionAudience applies only with clientAuthentication PrivateKeyJWT"),
		ok("OAuth2 by a certificate", oauth2("tokenURL: 'https://idp/', clientAuthentication: TLSClientAuth, tls: {clientCertificateSecretName: me}")),
		ok("OAuth2 of a private authority", oauth2("tokenURL: 'https://idp/', tls: {caSecretName: ca}")),
		bad("OAuth2 by no certificate", oauth2("tokenURL: 'https://idp/', clientAuthentication: TLSClientAuth, tls: {caSecretName: ca}"), "tls.clientCertificateSecretName goes with clientAuthentication TLSClientAuth"),
		bad("OAuth2 by a secret and a certificate", oauth2("tokenURL: 'https://idp/', tls: {clientCertificateSecretName: me}"), "tls.clientCertificateSecretName goes with clientAuthentication TLSClientAuth"),
		bad("OAuth2 with tls for nothing", oauth2("tokenURL: 'https://idp/', tls: {}"), "oauth2.tls must have caSecretName or clientCertificateSecretName"),
		bad("OAuth2 in the clear, with tls", oauth2("tokenURL: 'http://127.0.0.1/', tls: {caSecretName: ca}"), "oauth2.tls goes with an https tokenURL"),
		ok("OAuth2 for a token of its Secret", oauth2("tokenURL: 'https://idp/', tokenExchange: {subjectTokenType: 'urn:x:y', requestedTokenType: 'urn:x:z'}")),
		bad("OAuth2 for a token of no type", oauth2("tokenURL: 'https://idp/', tokenExchange: {subjectTokenType: jwt}"), "tokenExchange.subjectTokenType"),
		ok("OAuth2 for a token, of nobody", oauth2("tokenURL: 'https://idp/', clientAuthentication: None, tokenExchange: {}")),
		bad("OAuth2 of nobody", oauth2("tokenURL: 'https://idp/', clientAuthentication: None"), "clientAuthentication None goes with tokenExchange"),
		bad("OAuth2 without a Secret", authentication("type: OAuth2, oauth2: {tokenURL: 'https://idp/'}"), "oauth2.secretName must be set"),
		bad("OAuth2 for a token of no Secret", authentication("type: OAuth2, oauth2: {tokenURL: 'https://idp/', clientAuthentication: None, tokenExchange: {}}"), "oauth2.secretName must be set"),
		bad("OAuth2 for a token of one's own", oauth2("tokenURL: 'https://idp/', parameters: [{name: subject_token, value: x}]"), "backends.authentication.oauth2.parameters must not name"),
		ok("OAuth2 by a service account", authentication("type: OAuth2, oauth2: {tokenURL: 'https://idp/', secretName: s, clientAuthentication: WorkloadIdentity}, workloadIdentity: {audience: a}")),
		ok("OAuth2 for a service account", authentication("type: OAuth2, oauth2: {tokenURL: 'https://idp/', clientAuthentication: None, tokenExchange: {subjectToken: WorkloadIdentity}}, workloadIdentity: {audience: a}")),
		bad("OAuth2 by no service account", oauth2("tokenURL: 'https://idp/', clientAuthentication: WorkloadIdentity"), "backends.authentication.workloadIdentity goes with"),
		bad("OAuth2 for no service account", oauth2("tokenURL: 'https://idp/', tokenExchange: {subjectToken: WorkloadIdentity}"), "backends.authentication.workloadIdentity goes with"),
		bad("OAuth2 beside a service account", authentication("type: OAuth2, oauth2: {tokenURL: 'https://idp/', secretName: s}, workloadIdentity: {audience: a}"), "backends.authentication.workloadIdentity goes with"),
		ok("a service account", authentication("type: WorkloadIdentity, workloadIdentity: {audience: 'https://a.example.com'}")),
		bad("a service account for nobody", authentication("type: WorkloadIdentity, workloadIdentity: {}"), "workloadIdentity.audience"),
		bad("no service account", authentication("type: WorkloadIdentity"), "backends.authentication.workloadIdentity goes with"),
		bad("a service account beside a token", authentication("type: Bearer, bearer: {secretName: s}, workloadIdentity: {audience: a}"), "backends.authentication.workloadIdentity goes with"),
		bad("OAuth2 without oauth2", authentication("type: OAuth2"), "backends.authentication.oauth2 goes with type OAuth2"),
		bad("APIKey without apiKey", authentication("type: APIKey"), "backends.authentication.apiKey goes with type APIKey"),
		bad("Basic without basic", authentication("type: Basic"), "backends.authentication.basic goes with type Basic"),
		bad("Bearer without bearer", authentication("type: Bearer"), "backends.authentication.bearer goes with type Bearer"),
		ok("a key in the query", authentication("type: APIKey, apiKey: {secretName: s, key: k, query: api_key}")),
		bad("a key in two places", authentication("type: APIKey, apiKey: {secretName: s, key: k, header: X-K, query: k}"), "exactly one of header and query"),
		bad("a key in Host", authentication("type: APIKey, apiKey: {secretName: s, key: k, header: host}"), "backends.authentication.apiKey.header must not name Host"),
		bad("the reserved key", authentication("type: APIKey, apiKey: {secretName: s, key: allowedHosts, header: X-K}"), "must not be allowedHosts"),
		bad("the other reserved key", authentication("type: APIKey, apiKey: {secretName: s, key: allowedTokenHosts, header: X-K}"), "must not be allowedHosts or allowedTokenHosts"),
		bad("a rule on the key's header", backend("authentication: {type: APIKey, apiKey: {secretName: s, key: k, header: X-K}}, request: {headers: {set: [{name: x-k, value: v}]}}"), "must not name the field of the backend's own API key"),
		bad("a rule on Authorization", backend("authentication: {type: Basic, basic: {secretName: s}}, request: {headers: {set: [{name: authorization, value: v}]}}"), "backends.request.headers.set must not name Authorization"),
	})
}

func TestProxyRules(t *testing.T) {
	t.Parallel()
	check(t, []row{
		ok("a listener with TLS", "listener: {tls: {secretName: orders-tls}}\n"+one),
		bad("TLS without a Secret", "listener: {tls: {}}\n"+one, "spec.listener.tls.secretName"),
		ok("an autoscaler", "proxy: {autoscaling: {minReplicas: 2, maxReplicas: 2}}\n"+one),
		bad("an autoscaler without an end", "proxy: {autoscaling: {minReplicas: 2}}\n"+one, "spec.proxy.autoscaling.maxReplicas"),
		bad("an autoscaler with ends crossed", "proxy: {autoscaling: {minReplicas: 3, maxReplicas: 2}}\n"+one, "proxy.autoscaling.minReplicas must not exceed maxReplicas"),
		bad("an autoscaler without a share to go by", "proxy: {autoscaling: {maxReplicas: 2}, resources: {requests: {memory: 1Mi}}}\n"+one, "proxy.autoscaling needs proxy.resources.requests.cpu"),
		ok("a network policy for everybody", "proxy: {networkPolicy: {}}\n"+one),
		ok("a network policy for some", "proxy: {networkPolicy: {from: [{podSelector: {matchLabels: {a: b}}}]}}\n"+one),
		ok("a sidecar", "proxy: {mode: Sidecar}\n"+one),
		bad("an autoscaled sidecar", "proxy: {mode: Sidecar, autoscaling: {maxReplicas: 2}}\n"+one, "apply only with proxy.mode Deployment"),
		bad("a sidecar's template", "proxy: {mode: Sidecar, template: {labels: {a: b}}}\n"+one, "apply only with proxy.mode Deployment"),
		bad("a third mode", "proxy: {mode: DaemonSet}\n"+one, "spec.proxy.mode"),
	})
}

func TestFieldsOfLaterVersionsAreRefused(t *testing.T) {
	t.Parallel()
	var rows []row
	for field, spec := range map[string]string{} {
		rows = append(rows, bad(field, spec, "unknown field", field))
	}
	check(t, rows)
}

func TestRouteNamesLeaveRoomForChildren(t *testing.T) {
	t.Parallel()
	c := newClient(t, client.Options{})
	for name, want := range map[string]bool{
		strings.Repeat("a", 50): true, strings.Repeat("a", 51): false, "a.b": false, "1a": false, "a-1": true,
	} {
		if _, err := send(t, c, name, read(t, one)); (err == nil) != want {
			t.Errorf("name %q: error %v, want taken: %v", name, err, want)
		}
	}
}

func TestDefaultsComeFromTheSchema(t *testing.T) {
	t.Parallel()
	u, err := send(t, newClient(t, client.Options{}), "defaults", read(t, one))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"spec.listener.port": int64(8080), "spec.dispatch.successPolicy.type": "All", "spec.dispatch.timeout": "5s",
		"spec.dispatch.stragglers": "Auto", "spec.dispatch.maxInFlight": int64(1024), "spec.response.type": "Envelope",
		"spec.response.diagnostics": "Full", "spec.validation.maxBodySize": "1Mi", "spec.validation.bodyTimeout": "30s",
		"spec.proxy.replicas": int64(2), "spec.proxy.service.type": "ClusterIP", "spec.proxy.resources.limits.memory": "256Mi",
	} {
		got, _, err := unstructured.NestedFieldNoCopy(u.Object, strings.Split(path, ".")...)
		if err != nil || got != want {
			t.Errorf("%s is %v (%v), want %v", path, got, err, want)
		}
	}
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	if len(conditions) != 1 {
		t.Fatalf("conditions are %v, want Ready alone", conditions)
	}
	ready, _ := conditions[0].(map[string]any)
	if ready["type"] != "Ready" || ready["status"] != "Unknown" || ready["reason"] != "Pending" {
		t.Errorf("a new route's condition is %v, want Ready=Unknown with reason Pending", ready)
	}
}

// YAML 1.1, which kubectl reads, takes an unquoted `on:` for the key true: a field
// of that name could not be set.
func TestNoFieldIsABooleanOfYAML(t *testing.T) {
	t.Parallel()
	names := fields(definition(t))
	if len(names) < 100 {
		t.Fatalf("found %d fields, want all of them", len(names))
	}
	for _, name := range names {
		if slices.Contains([]string{"on", "off", "yes", "no", "y", "n", "true", "false", "null"}, strings.ToLower(name)) {
			t.Errorf("field %q needs quotes in YAML 1.1", name)
		}
	}
}

// fields are the names of all properties below a schema.
func fields(s *apiextensionsv1.JSONSchemaProps) (names []string) {
	for name := range s.Properties {
		names = append(append(names, name), fields(new(s.Properties[name]))...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		names = append(names, fields(s.Items.Schema)...)
	}
	return names
}
