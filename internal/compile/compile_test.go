package compile_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
)

func route(modify ...func(*v1alpha1.FanoutRoute)) *v1alpha1.FanoutRoute {
	r := &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	r.Spec.Backends = []v1alpha1.Backend{{Name: "a", URL: "https://a.example.com/x"}}
	for _, m := range modify {
		m(r)
	}
	return r
}

func at(url string) func(*v1alpha1.FanoutRoute) {
	return func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].URL = url }
}

func networks(cidr string, except ...string) func(*v1alpha1.FanoutRoute) {
	return func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.NetworkPolicy = &v1alpha1.ProxyNetworkPolicy{
			From: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}}},
		}
	}
}

// What the schema cannot say is refused with the field's path and the fix.
func TestRefusals(t *testing.T) {
	t.Parallel()
	huge := func(r *v1alpha1.FanoutRoute) {
		for range 400 {
			r.Spec.Backends[0].Request.Query.Set = append(r.Spec.Backends[0].Request.Query.Set,
				v1alpha1.QueryValue{Name: "n", Value: new(strings.Repeat("x", 4096))})
		}
	}
	for name, row := range map[string]struct {
		modify  func(*v1alpha1.FanoutRoute)
		options compile.Options
		field   string
		words   string
	}{
		"a Service of another namespace":             {at("http://api.lab.svc:80/"), compile.Options{}, "spec.backends[0].url", `namespace "lab"`},
		"by its full name":                           {at("http://api.lab.svc.cluster.local/"), compile.Options{}, "spec.backends[0].url", "--allow-cross-namespace"},
		"in another spelling":                        {at("http://API.Lab.SVC./"), compile.Options{}, "spec.backends[0].url", `namespace "lab"`},
		"a Pod of another namespace":                 {at("http://pod-0.api.lab.svc/"), compile.Options{}, "spec.backends[0].url", `namespace "lab"`},
		"M1: a Pod by its address":                   {at("http://10-0-0-1.lab.pod:80/"), compile.Options{}, "spec.backends[0].url", `namespace "lab"`},
		"M1: with the cluster's domain":              {at("http://10-0-0-1.Lab.pod.cluster.local./"), compile.Options{}, "spec.backends[0].url", `namespace "lab"`},
		"M1: another namespace before its own":       {at("http://api.lab.svc.shop.svc/"), compile.Options{}, "spec.backends[0].url", `namespace "lab"`},
		"M1: a Pod of its own namespace":             {at("http://10-0-0-1.shop.pod/"), compile.Options{}, "", ""},
		"M1: a Pod of another, where that is let":    {at("http://10-0-0-1.lab.pod/"), compile.Options{AllowCrossNamespace: true}, "", ""},
		"M1: one label":                              {at("http://api:8080/"), compile.Options{}, "spec.backends[0].url", `use service for the Service "api"`},
		"M1: one label, whoever may what":            {at("https://API/"), compile.Options{AllowCrossNamespace: true}, "spec.backends[0].url", `use service for the Service "api"`},
		"M1: two labels, which are looked up so":     {at("http://api.lab/"), compile.Options{}, "", ""},
		"M1: one label and a dot, which is absolute": {at("http://intranet./"), compile.Options{}, "", ""},
		"M1: a Service without its namespace":        {at("http://api.svc/"), compile.Options{}, "spec.backends[0].url", `use service for the Service "api"`},
		"M1: this machine":                           {at("http://localhost:8080/"), compile.Options{}, "", ""},
		"M1: an address":                             {at("http://10.0.0.1:8080/"), compile.Options{}, "", ""},
		"G4: an address in two parts":                {at("http://169.16689406/"), compile.Options{}, "spec.backends[0].url", "ends in a number"},
		"G4: an address in one":                      {at("http://2852039166/"), compile.Options{}, "spec.backends[0].url", "ends in a number"},
		"G4: in hex":                                 {at("http://0xA9.0xFE.0xA9.0xFE/"), compile.Options{}, "spec.backends[0].url", "ends in a number"},
		"G4: in octal, with a dot":                   {at("http://0251.0376.0251.0376./"), compile.Options{}, "spec.backends[0].url", "ends in a number"},
		"G4: a name that begins with numbers":        {at("http://10.0.0.1.example.com/"), compile.Options{}, "", ""},
		"G4: a name that ends in letters of hex":     {at("http://a.0xfg/"), compile.Options{}, "", ""},
		"M1: an IPv6 address":                        {at("http://[fd00::1]:8080/"), compile.Options{}, "", ""},
		"M1: a token endpoint of one label": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
				Type: "OAuth2", OAuth2: &v1alpha1.OAuth2{TokenURL: "https://idp/", SecretName: "s"}}
		}, compile.Options{}, "spec.backends[0].authentication.oauth2.tokenURL", `use service`},
		"of its own namespace":                  {at("http://api.shop.svc:80/"), compile.Options{}, "", ""},
		"of another, where the operator allows": {at("http://api.lab.svc:80/"), compile.Options{AllowCrossNamespace: true}, "", ""},
		"a host that only looks like one":       {at("http://svc.example.com/"), compile.Options{}, "", ""},
		"a port beyond 65535":                   {at("http://a.example.com:70000/"), compile.Options{}, "spec.backends[0].url", "between 1 and 65535"},
		"an escape that is none":                {at("http://a.example.com/%zz"), compile.Options{}, "spec.backends[0].url", "must be http"},
		"more than a ConfigMap holds":           {huge, compile.Options{}, "spec", "a ConfigMap holds"},
		"a required stranger": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Dispatch.SuccessPolicy = v1alpha1.SuccessPolicy{Type: "Required", Required: &v1alpha1.Required{Backends: []v1alpha1.BackendName{"b"}}}
		}, compile.Options{}, "spec.dispatch.successPolicy.required.backends[0]", "must name a backend"},
		"a required shadow": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{Name: "s", URL: "https://s.example.com/", Shadow: &v1alpha1.Shadow{}})
			r.Spec.Dispatch.SuccessPolicy = v1alpha1.SuccessPolicy{Type: "Required", Required: &v1alpha1.Required{Backends: []v1alpha1.BackendName{"s"}}}
		}, compile.Options{}, "spec.dispatch.successPolicy.required.backends[0]", "no shadow itself"},
		"a shadow compared with a shadow": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{Name: "s", URL: "https://s.example.com/", Shadow: &v1alpha1.Shadow{Reference: "s"}})
		}, compile.Options{}, "spec.backends[1].shadow.reference", "no shadow itself"},
		"a condition that is none": {func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].When = "request.metod == 'GET'" },
			compile.Options{}, "spec.backends[0].when", "line 1, column 1: request has method"},
		"a condition of another type": {func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].When = "request.method" },
			compile.Options{}, "spec.backends[0].when", "yields string, a bool is wanted"},
		"a body that does not parse": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.Body = v1alpha1.RequestBody{Type: "Expression", Expression: "{'id': request.body.id"}
		}, compile.Options{}, "spec.backends[0].request.body.expression", "line 1, column 23: Syntax error"},
		"a field's expression": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.Headers = &v1alpha1.RequestHeaders{Set: []v1alpha1.HeaderValue{{Name: "X-A", Expression: "[1]"}}}
		}, compile.Options{}, "spec.backends[0].request.headers.set[0].expression", "yields list(int)"},
		"a parameter's expression": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.Query.Set = []v1alpha1.QueryValue{{Name: "a", Expression: "x"}}
		}, compile.Options{}, "spec.backends[0].request.query.set[0].expression", "undeclared reference to 'x'"},
		"a path's expression": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.Path = v1alpha1.RequestPath{Type: "Expression", Expression: "{}"}
		}, compile.Options{}, "spec.backends[0].request.path.expression", "yields map"},
		"P6: a field that tells who calls, set by hand too": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.ClientAddress = "XForwardedFor"
			r.Spec.Backends[0].Request.Headers = &v1alpha1.RequestHeaders{Set: []v1alpha1.HeaderValue{{Name: "x_forwarded-for", Value: new("a")}}}
		}, compile.Options{}, "spec.backends[0].request.headers.set[0].name", "request.clientAddress"},
		"P6: a field that tells who calls, removed by hand": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.ClientAddress = "Forwarded"
			r.Spec.Backends[0].Request.Headers = &v1alpha1.RequestHeaders{Remove: []v1alpha1.HeaderName{"forwarded"}}
		}, compile.Options{}, "spec.backends[0].request.headers.remove[0]", "request.clientAddress"},
		"P6: another field that tells who calls, set by hand": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.ClientAddress = "Forwarded"
			r.Spec.Backends[0].Request.Headers = &v1alpha1.RequestHeaders{Set: []v1alpha1.HeaderValue{{Name: "X-Forwarded-For", Expression: "request.clientIP"}}}
		}, compile.Options{}, "", ""},
		"a network that is none": {networks("10.0.0.0"), compile.Options{}, "spec.proxy.networkPolicy.from[0].ipBlock.cidr", "such as 10.0.0.0/8"},
		"an exception outside":   {networks("10.0.0.0/8", "11.0.0.0/9"), compile.Options{}, "spec.proxy.networkPolicy.from[0].ipBlock.except[0]", "within cidr"},
		"an exception within":    {networks("10.0.0.0/8", "10.1.0.0/16"), compile.Options{}, "", ""},
		"a token endpoint of another namespace": {func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
				Type: "OAuth2", OAuth2: &v1alpha1.OAuth2{TokenURL: "http://idp.lab.svc/", SecretName: "s"}}
		}, compile.Options{}, "spec.backends[0].authentication.oauth2.tokenURL", `namespace "lab"`},
	} {
		out, errs := compile.Route(route(row.modify), row.options)
		if row.field == "" {
			if len(errs) > 0 || out == nil {
				t.Errorf("%s: refused: %v", name, errs)
			}
			continue
		}
		if len(errs) != 1 || errs[0].Field != row.field || !strings.Contains(errs[0].Error(), row.words) || out != nil {
			t.Errorf("%s: %v, want %s: …%s…", name, errs, row.field, row.words)
		}
	}
}

// The spec has one list and the document two: what names a backend finds its place in its
// own list, wherever shadows stand between.
func TestPlacesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	spread := func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends = nil
		for _, name := range []v1alpha1.BackendName{"s1", "a", "s2", "b", "c", "s3"} {
			b := v1alpha1.Backend{Name: name, URL: "https://" + string(name) + ".example.com/"}
			if name[0] == 's' {
				b.Shadow = &v1alpha1.Shadow{Reference: "c"}
			}
			r.Spec.Backends = append(r.Spec.Backends, b)
		}
		r.Spec.Backends[0].Shadow.Reference = ""
		r.Spec.Dispatch.SuccessPolicy = v1alpha1.SuccessPolicy{Type: "Required", Required: &v1alpha1.Required{Backends: []v1alpha1.BackendName{"c", "a"}}}
	}
	primary := func(r *v1alpha1.FanoutRoute) {
		spread(r)
		r.Spec.Response.Type, r.Spec.Response.Primary = "Primary", &v1alpha1.Primary{Backend: "b"}
	}
	for _, row := range []struct {
		modify     func(*v1alpha1.FanoutRoute)
		primary    int
		references []int
	}{
		{spread, 0, []int{0, 2, 2}},
		{primary, 1, []int{1, 2, 2}},
	} {
		out, errs := compile.Route(route(row.modify), compile.Options{})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		var names []string
		var references []int
		for i := range out.Shadows {
			names = append(names, out.Shadows[i].Name)
			references = append(references, out.Shadows[i].Reference)
		}
		if len(out.Backends) != 3 || out.Backends[0].Name != "a" || out.Backends[2].Name != "c" || !slices.Equal(names, []string{"s1", "s2", "s3"}) {
			t.Errorf("backends %v, shadows %q", out.Backends, names)
		}
		if !slices.Equal(out.Dispatch.Required, []int{0, 2}) || out.Response.Primary != row.primary || !slices.Equal(references, row.references) {
			t.Errorf("required %v, primary %d, references %v, want 0 and 2, %d, %v", out.Dispatch.Required, out.Response.Primary, references, row.primary, row.references)
		}
	}
}

func TestSecretsAreThoseOfCallersAndBackends(t *testing.T) {
	t.Parallel()
	out, errs := compile.Route(route(func(r *v1alpha1.FanoutRoute) {
		r.Spec.Authentication = &v1alpha1.CallerAuthentication{APIKeys: &v1alpha1.CallerAPIKeys{SecretName: "callers"}}
		r.Spec.Backends[0].TLS = &v1alpha1.BackendTLS{CASecretName: "ca"}
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{Type: "Basic", Basic: &v1alpha1.SecretReference{SecretName: "b"}}
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{Name: "b", URL: "https://b.example.com/", TLS: &v1alpha1.BackendTLS{CASecretName: "ca"}})
	}), compile.Options{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if got := out.Secrets(); !slices.Equal(got, []string{"b", "ca", "callers"}) {
		t.Errorf("secrets are %q", got)
	}
}

func TestSizesAreWholeBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1Ki": 1024, "1k": 1000, "0": 0, "1.5Ki": 1536, "64Mi": 64 << 20, "1e3": 1000} {
		q := resource.MustParse(text)
		out, errs := compile.Route(route(func(r *v1alpha1.FanoutRoute) { r.Spec.Validation.MaxBodySize = &q }), compile.Options{})
		if len(errs) > 0 || out.Validation.MaxBodySize != want {
			t.Errorf("%s is %v (%v), want %d", text, out, errs, want)
		}
	}
}

// L1: the expressions of a route are bounded in sum, by an error that names the longest
// one and the fix, and none of them is compiled then.
func TestL1ExpressionsAreBoundedInSum(t *testing.T) {
	t.Parallel()
	of := func(n, length int) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			for range n {
				r.Spec.Backends[0].Request.Query.Set = append(r.Spec.Backends[0].Request.Query.Set,
					v1alpha1.QueryValue{Name: "a", Expression: v1alpha1.Expression("'" + strings.Repeat("ä", length-2) + "'")})
			}
		}
	}
	for name, row := range map[string]struct {
		n, length int
		refused   bool
	}{
		"as much as there may be": {8, 4096, false},
		"more of long ones":       {9, 4096, true},
		"more of short ones":      {9000, 4, true},
	} {
		out, expressions, errs := compile.Unchecked(route(of(row.n, row.length)), compile.Options{})
		if !row.refused {
			if len(errs) > 0 || out == nil || len(expressions) != row.n {
				t.Errorf("%s: refused: %v", name, errs)
			}
			continue
		}
		if len(errs) != 1 || len(expressions) != 0 || errs[0].Field != "spec.backends[0].request.query.set[0].expression" ||
			!strings.Contains(errs[0].Error(), "at most 32768 characters together") {
			t.Errorf("%s: %v, and %d expressions to compile", name, errs, len(expressions))
		}
	}
}

// Q9: a fraction of a byte is refused for every size, with what the author is to write.
func TestQ9FractionsOfAByte(t *testing.T) {
	t.Parallel()
	body := func(r *v1alpha1.FanoutRoute, q resource.Quantity) { r.Spec.Validation.MaxBodySize = &q }
	answer := func(r *v1alpha1.FanoutRoute, q resource.Quantity) { r.Spec.Backends[0].MaxResponseSize = &q }
	limit := func(r *v1alpha1.FanoutRoute, q resource.Quantity) {
		r.Spec.Proxy.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: q, corev1.ResourceCPU: resource.MustParse("100m")}
	}
	request := func(r *v1alpha1.FanoutRoute, q resource.Quantity) {
		r.Spec.Proxy.Resources.Requests = corev1.ResourceList{"hugepages-2Mi": q, corev1.ResourceEphemeralStorage: resource.MustParse("1Gi")}
	}
	for _, row := range []struct {
		set             func(*v1alpha1.FanoutRoute, resource.Quantity)
		size, at, words string
	}{
		{body, "10m", "spec.validation.maxBodySize", "10m is 0.01 bytes; write 10Mi"},
		{body, "1500m", "spec.validation.maxBodySize", "1500m is 1.5 bytes; write 1500Mi"},
		{body, "1n", "spec.validation.maxBodySize", "1n is 0.000000001 bytes; write 1"},
		{body, "1.1Mi", "spec.validation.maxBodySize", "is 1153433.6 bytes; write 1153434"},
		{body, "2000m", "", ""},
		{body, "1.5Ki", "", ""},
		{body, "0", "", ""},
		{body, "64Mi", "", ""},
		{answer, "64m", "spec.backends[0].maxResponseSize", "64m is 0.064 bytes; write 64Mi"},
		{answer, "1e3", "", ""},
		{limit, "256m", "spec.proxy.resources.limits[memory]", "256m is 0.256 bytes; write 256Mi"},
		{limit, "0.5Gi", "", ""},
		{request, "2m", "spec.proxy.resources.requests[hugepages-2Mi]", "2m is 0.002 bytes; write 2Mi"},
		{request, "2Mi", "", ""},
	} {
		_, errs := compile.Route(route(func(r *v1alpha1.FanoutRoute) { row.set(r, resource.MustParse(row.size)) }), compile.Options{})
		if row.at == "" && len(errs) > 0 || row.at != "" && (len(errs) != 1 || errs[0].Field != row.at || !strings.Contains(errs[0].Detail, row.words)) {
			t.Errorf("%s: %v, want %q of %q", row.size, errs, row.words, row.at)
		}
	}
}

// What is wrong with a schema stands at its field, by line and column, and none of it is
// repeated; it is no part of what expressions may have together.
func TestSchemasAreCompiled(t *testing.T) {
	t.Parallel()
	with := func(schema string) field.ErrorList {
		_, errs := compile.Route(route(func(r *v1alpha1.FanoutRoute) { r.Spec.Validation.JSONSchema = &v1alpha1.JSONSchema{Inline: schema} }), compile.Options{})
		return errs
	}
	if errs := with(`{"description": "` + strings.Repeat("x", compile.MaxExpressions) + `"}`); len(errs) > 0 {
		t.Error(errs)
	}
	errs := with("{\n  \"type\": \"canary\"}")
	if len(errs) != 1 || errs[0].Field != "spec.validation.jsonSchema.inline" || !strings.HasPrefix(errs[0].ErrorBody(), `Invalid value: line 2, column 11: "/type" is no schema: `) {
		t.Errorf("got %v", errs)
	}
}
