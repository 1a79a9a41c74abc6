package guard_test

import (
	"encoding/json"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/schema"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// kind is a kind of address that a proxy connects to.
type kind struct {
	// field of the spec has it, set writes it there.
	field string
	set   func(r *v1alpha1.FanoutRoute, url string)
	// through is what to write in order that url is asked; nil for url itself.
	through func(url string) string
	// form is what stands for a URL where none does; nil for the URL.
	form func(url string) string
}

// kinds are all of them: a new one is a line here, and a test says which one is missing.
func kinds() []kind {
	return []kind{
		{"spec.backends.url", func(r *v1alpha1.FanoutRoute, url string) { r.Spec.Backends[0].URL = url }, nil, nil},
		{"spec.backends.url", func(r *v1alpha1.FanoutRoute, url string) {
			r.Spec.Backends[0].URL = url
			r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{Type: "StandardWebhooks", StandardWebhooks: &v1alpha1.StandardWebhooks{SecretName: "any"}}
		}, nil, nil},
		{"spec.backends.authentication.oauth2.tokenURL", func(r *v1alpha1.FanoutRoute, url string) {
			r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{Type: "OAuth2", OAuth2: &v1alpha1.OAuth2{TokenURL: url, SecretName: "any"}}
		}, nil, nil},
		{"spec.authentication.jwt.jwksURI", func(r *v1alpha1.FanoutRoute, url string) { admit(r, "partner", url) }, nil, nil},
		{"spec.authentication.jwt.issuer", func(r *v1alpha1.FanoutRoute, url string) { admit(r, url, "") }, nil, nil},
		{"spec.authentication.jwt.issuer", func(r *v1alpha1.FanoutRoute, url string) { admit(r, url, "") }, discovered, nil},
		{"spec.rateLimitStore.redis.addresses", func(r *v1alpha1.FanoutRoute, address string) {
			r.Spec.RateLimits = []v1alpha1.CallRateLimit{{Name: "all", Requests: 1000, Per: "1s", Scope: v1alpha1.ScopeRoute}}
			r.Spec.RateLimitStore = &v1alpha1.RateLimitStore{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{Addresses: []string{address}}}
		}, nil, authority},
		{"spec.proxy.tracing.otlpEndpoint", func(r *v1alpha1.FanoutRoute, url string) {
			r.Spec.Proxy.Tracing = &v1alpha1.Tracing{OTLPEndpoint: url, Protocol: v1alpha1.TracingGRPC, SamplePercent: new(int32(100))}
		}, nil, origin},
	}
}

func admit(r *v1alpha1.FanoutRoute, issuer, jwksURI string) {
	r.Spec.Authentication = &v1alpha1.CallerAuthentication{JWT: []v1alpha1.CallerJWT{{Name: "idp", Issuer: issuer, JWKSURI: jwksURI, Audiences: []string{"orders"}}}}
}

// authority is host:port of a URL.
func authority(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	text, _, _ := strings.Cut(rest, "/")
	host, port, err := split(text)
	if err != nil {
		return text
	}
	return net.JoinHostPort(host, port)
}

// origin is a URL without its path.
func origin(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	text, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + text
}

// of is what stands in the field so that a URL is asked.
func (k *kind) of(url string) string {
	if k.through != nil {
		url = k.through(url)
	}
	if k.form != nil {
		url = k.form(url)
	}
	return url
}

// name tells kinds apart.
func (k *kind) name(t *testing.T) string {
	t.Helper()
	if k.through != nil {
		return "jwks_uri of " + k.field
	}
	if c := k.compiled(t).Backends[0].Credential; c != nil && !strings.Contains(k.field, c.Type) {
		return k.field + " with " + c.Type
	}
	return k.field
}

// placeholder is what everybody admits, and what documents are made of.
func (k *kind) placeholder() string {
	if k.form != nil {
		return k.form("https://placeholder.example/")
	}
	return "https://placeholder.example/"
}

func (k *kind) route(url string) *v1alpha1.FanoutRoute {
	r := &v1alpha1.FanoutRoute{
		TypeMeta:   metav1.TypeMeta{APIVersion: "fanout.dev/v1alpha1", Kind: "FanoutRoute"},
		ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "orders"},
	}
	r.Spec.Backends = []v1alpha1.Backend{{Name: "one", URL: "http://" + home + "/"}}
	r.Spec.Dispatch.SuccessPolicy.Type = v1alpha1.PolicyBestEffort
	k.set(r, url)
	return r
}

func (k *kind) compiled(t *testing.T) *routeconfig.Route {
	t.Helper()
	out, errs := compile.Route(k.route(k.placeholder()), compile.Options{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return out
}

// judge says who refuses a URL first, of those that see it before a proxy does.
func (k *kind) judge(t *testing.T, s *schema.Schema, url string) string {
	t.Helper()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(k.route(url))
	if err != nil {
		t.Fatal(err)
	}
	delete(object, "status")
	if errs := s.Apply(object); len(errs) > 0 {
		return "the API"
	}
	filled := &v1alpha1.FanoutRoute{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, filled); err != nil {
		t.Fatal(err)
	}
	if _, errs := compile.Route(filled, compile.Options{}); len(errs) > 0 {
		return "the compiler"
	}
	return ""
}

// documents are routes that have the URLs as no compiler would have written them, as many in
// one as there is room for. Those that are refused are not among them.
func (k *kind) documents(t *testing.T, urls []string) (routes []routeconfig.Route, refused []string) {
	t.Helper()
	base := k.compiled(t)
	var served []string
	for _, url := range urls {
		one := k.replaced(t, base, url)
		encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{*one}})
		if err == nil {
			_, err = routeconfig.Decode(encoded)
		}
		if err != nil {
			refused = append(refused, url)
			continue
		}
		served = append(served, url)
	}
	for chunk := range slices.Chunk(served, k.room(t, base)) {
		route := k.replaced(t, base, chunk[0])
		route.Name, route.Listener.Port = fmt.Sprintf("route-%d", len(routes)), 10000+len(routes)
		for i, url := range chunk[1:] {
			more := k.replaced(t, base, url)
			if route.Authentication != nil {
				route.Authentication.JWT = append(route.Authentication.JWT, more.Authentication.JWT...)
				route.Authentication.JWT[i+1].Name = fmt.Sprintf("idp-%d", i)
				continue
			}
			route.Backends = append(route.Backends, more.Backends...)
			route.Backends[i+1].Name = fmt.Sprintf("b-%d", i)
		}
		routes = append(routes, *route)
	}
	return routes, refused
}

// room is how many addresses of a kind one route has.
func (k *kind) room(t *testing.T, base *routeconfig.Route) int {
	t.Helper()
	within := func(part any) bool { return strings.Contains(encode(t, part), k.placeholder()) }
	switch {
	case within(base.Backends):
		return 32
	case within(base.Authentication):
		return 8
	}
	return 1
}

func encode(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (k *kind) replaced(t *testing.T, base *routeconfig.Route, url string) *routeconfig.Route {
	t.Helper()
	out := &routeconfig.Route{}
	text := strings.ReplaceAll(encode(t, base), encode(t, k.placeholder()), encode(t, url))
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Whatever in the spec is an address that a proxy connects to is among the kinds.
func TestEveryAddressInTheSpecIsAKind(t *testing.T) {
	t.Parallel()
	known := []string{
		"spec.backends.request.clientAddress", "spec.proxy.template.dnsConfig.nameservers", // no addresses that a proxy connects to
	}
	for _, k := range kinds() {
		known = append(known, k.field)
	}
	found := 0
	fieldsOf("spec", reflect.TypeFor[v1alpha1.FanoutRouteSpec](), func(path string, of reflect.Type) {
		if of.Kind() != reflect.String || !addressed.MatchString(path) {
			return
		}
		if found++; !slices.Contains(known, path) {
			t.Errorf("%s looks like an address: make it a kind of kinds(), so that it is held against the deny list", path)
		}
	})
	if found < 4 {
		t.Errorf("%d addresses found", found)
	}
}

var addressed = regexp.MustCompile(`(?i)(ur[li]s?|issuer|endpoints?|address(es)?|servers?|brokers?|proxy)$`)

// fieldsOf visits what a type of the API holds, by its path without the places in lists.
func fieldsOf(path string, of reflect.Type, visit func(path string, of reflect.Type)) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		fieldsOf(path, of.Elem(), visit)
	case reflect.Struct:
		if !strings.HasPrefix(of.PkgPath(), "github.com/fanout-operator/") {
			return // Kubernetes' own, of which proxies see nothing
		}
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			at := path
			if name != "" {
				at += "." + name
			}
			fieldsOf(at, f.Type, visit)
		}
	default:
		visit(path, of)
	}
}
