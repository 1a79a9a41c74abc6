package compile_test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// readingAll is a route that names another Secret in each field that names one.
func readingAll(r *v1alpha1.FanoutRoute) {
	shown := func(name v1alpha1.BackendName, a v1alpha1.BackendAuthentication) v1alpha1.Backend {
		return v1alpha1.Backend{Name: name, URL: "https://b.example.com/", Authentication: &a}
	}
	r.Spec.Listener.TLS = &v1alpha1.ListenerTLS{SecretName: "listener"}
	r.Spec.Authentication = &v1alpha1.CallerAuthentication{
		APIKeys: &v1alpha1.CallerAPIKeys{SecretName: "callers"}, Basic: &v1alpha1.CallerBasic{SecretName: "users"},
		JWT: []v1alpha1.CallerJWT{
			{Name: "idp", Issuer: "https://idp.example.com", CASecretName: "idp-ca", Audiences: []string{"orders"}},
			{Name: "till", JWKS: &v1alpha1.JWKS{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "till-keys", Key: "jwks.json"}}, Audiences: []string{"orders"}},
		},
		ClientCertificate: &v1alpha1.CallerCertificate{CASecretName: "clients-ca"},
	}
	r.Spec.Validation.JSONSchema = &v1alpha1.JSONSchema{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "schemas", Key: "order.json"}}
	r.Spec.Validation.OpenAPI = &v1alpha1.OpenAPI{ConfigMapKeyRef: v1alpha1.ConfigMapKeyReference{Name: "api", Key: "openapi.yaml"}}
	r.Spec.RateLimits = []v1alpha1.CallRateLimit{{Name: "all", Requests: 1, Scope: v1alpha1.ScopeRoute}}
	r.Spec.RateLimitStore = &v1alpha1.RateLimitStore{Type: v1alpha1.StoreRedis, Redis: &v1alpha1.RedisStore{
		Addresses: []string{"redis.example.com:6379"}, SecretName: "store",
		TLS: &v1alpha1.RedisTLS{CASecretName: "store-ca", ClientCertificateSecretName: "store-me"},
	}}
	r.Spec.Proxy.Tracing = &v1alpha1.Tracing{OTLPEndpoint: "https://otlp.example.com", CASecretName: "otlp-ca", HeadersSecretName: "otlp"}
	r.Spec.Backends[0].TLS = &v1alpha1.BackendTLS{CASecretName: "ca", ClientCertificateSecretName: "me"}
	r.Spec.Backends = append(r.Spec.Backends,
		shown("two", v1alpha1.BackendAuthentication{Type: "OAuth2", OAuth2: &v1alpha1.OAuth2{
			TokenURL: "https://idp.example.com/", SecretName: "client", ClientAuthentication: "TLSClientAuth",
			TLS: &v1alpha1.TokenTLS{CASecretName: "token-ca", ClientCertificateSecretName: "token-me"},
		}}),
		shown("three", v1alpha1.BackendAuthentication{Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "key", Key: "k", Header: "X-Key"}}),
		shown("four", v1alpha1.BackendAuthentication{Type: "Basic", Basic: &v1alpha1.SecretReference{SecretName: "user"}}),
		shown("five", v1alpha1.BackendAuthentication{Type: "Bearer", Bearer: &v1alpha1.SecretReference{SecretName: "token"}}),
		shown("six", v1alpha1.BackendAuthentication{Type: "StandardWebhooks", StandardWebhooks: &v1alpha1.StandardWebhooks{SecretName: "hooks"}}),
		shown("seven", v1alpha1.BackendAuthentication{Type: "HMAC", HMAC: &v1alpha1.HMAC{SecretName: "signing", Key: "k", Header: "X-Signature"}}),
		shown("eight", v1alpha1.BackendAuthentication{Type: "AWSSigV4", AWSSigV4: &v1alpha1.AWSSigV4{SecretName: "aws", Region: "r", Service: "s"}}))
}

// A field of the spec that names an object beside it is on the list of what a route reads:
// what is not is neither mounted nor missed.
func TestEveryNameInTheSpecIsListed(t *testing.T) {
	t.Parallel()
	in := route(readingAll)
	out, errs := compile.Route(in, compile.Options{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	written, listed := map[string]string{}, map[string]string{}
	namesIn("spec", reflect.ValueOf(in.Spec), written)
	names := map[routeconfig.Kind][]string{}
	for _, reference := range out.References() {
		listed[reference.Field] = reference.Name
		names[reference.Kind] = append(names[reference.Kind], reference.Name)
		if backend, _, _ := strings.Cut(strings.TrimPrefix(reference.Field, "spec.backends["), "]"); strings.HasPrefix(reference.Field, "spec.backends[") && backend != reference.Backend {
			t.Errorf("%s is of backend %q", reference.Field, reference.Backend)
		}
	}
	if !maps.Equal(written, listed) {
		t.Errorf("the spec names %v, the list %v", written, listed)
	}
	sorted := func(kind routeconfig.Kind) []string { return slices.Sorted(slices.Values(names[kind])) }
	if !slices.Equal(out.Secrets(), sorted(routeconfig.KindSecret)) || !slices.Equal(out.ConfigMaps(), sorted(routeconfig.KindConfigMap)) {
		t.Errorf("secrets are %q, ConfigMaps %q", out.Secrets(), out.ConfigMaps())
	}
	item := regexp.MustCompile(`\[[^]]*\]`)
	covered := map[string]bool{}
	for field := range written {
		covered[item.ReplaceAllString(field, "[]")] = true
	}
	fields := map[string]bool{}
	nameFields("spec", reflect.TypeFor[v1alpha1.FanoutRouteSpec](), fields)
	if !maps.Equal(fields, covered) || len(fields) < 8 {
		t.Errorf("fields that name an object: %q, of which this test sets %q", slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(covered)))
	}
}

// namesObject reports whether a field names a Secret or a ConfigMap that proxies read.
func namesObject(f reflect.StructField) bool {
	name := jsonName(f)
	return f.Type == reflect.TypeFor[v1alpha1.SecretName]() || strings.HasSuffix(strings.ToLower(name), "secretname") ||
		strings.HasSuffix(strings.ToLower(name), "configmapname") || strings.HasSuffix(name, "KeyRef")
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// ours reports whether a type is of the API itself: those of Kubernetes go to Pods as they
// are.
func ours(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[v1alpha1.FanoutRoute]().PkgPath()
}

// nameFields collects the paths of fields that name an object, items of lists as [].
func nameFields(path string, t reflect.Type, found map[string]bool) {
	switch {
	case t.Kind() == reflect.Pointer:
		nameFields(path, t.Elem(), found)
	case t.Kind() == reflect.Slice:
		nameFields(path+"[]", t.Elem(), found)
	case ours(t):
		for f := range t.Fields() {
			if at := path + "." + jsonName(f); namesObject(f) {
				found[at] = true
			} else {
				nameFields(at, f.Type, found)
			}
		}
	}
}

// namesIn collects what such fields hold, items of lists by their names.
func namesIn(path string, v reflect.Value, found map[string]string) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		namesIn(path, v.Elem(), found)
	case v.Kind() == reflect.Slice:
		for _, item := range v.Seq2() {
			name := ""
			if item.Kind() == reflect.Struct && item.FieldByName("Name").IsValid() {
				name = item.FieldByName("Name").String()
			}
			namesIn(path+"["+name+"]", item, found)
		}
	case ours(v.Type()):
		for i := range v.NumField() {
			f := v.Type().Field(i)
			at := path + "." + jsonName(f)
			switch value := v.Field(i); {
			case !namesObject(f):
				namesIn(at, value, found)
			case value.Kind() == reflect.Pointer && !value.IsNil():
				found[at] = value.Elem().FieldByName("Name").String()
			case value.Kind() == reflect.Struct:
				found[at] = value.FieldByName("Name").String()
			case value.Kind() == reflect.String && value.String() != "":
				found[at] = value.String()
			}
		}
	}
}
