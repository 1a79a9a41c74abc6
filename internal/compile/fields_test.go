package compile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
)

// M8: what the route and the operator name is added up, whatever the order; callers' keys
// stand beside it.
func TestM8CredentialHeadersAddUp(t *testing.T) {
	t.Parallel()
	for name, modify := range map[string]func(*v1alpha1.FanoutRoute){
		"an open route": func(r *v1alpha1.FanoutRoute) {
			r.Spec.Authentication = &v1alpha1.CallerAuthentication{CredentialHeaders: []v1alpha1.HeaderName{"X-Till", "X-Badge"}}
		},
		"one with keys": func(r *v1alpha1.FanoutRoute) {
			r.Spec.Authentication = &v1alpha1.CallerAuthentication{
				APIKeys: &v1alpha1.CallerAPIKeys{SecretName: "callers"}, CredentialHeaders: []v1alpha1.HeaderName{"X-Badge", "X-Till"},
			}
		},
	} {
		out, errs := compile.Route(route(modify, func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.ForwardCredentials = []v1alpha1.HeaderName{"X-API-Key", "x-till"}
		}), compile.Options{CredentialHeaders: []string{"X-Till", "X-Corp"}})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if want := []string{"X-Badge", "X-Corp", "X-Till"}; !slices.Equal(out.CredentialHeaders, want) {
			t.Errorf("%s: fields are %q, want %q", name, out.CredentialHeaders, want)
		}
		if got := out.Backends[0].Request.ForwardCredentials; !slices.Equal(got, []string{"X-API-Key", "x-till"}) {
			t.Errorf("%s: forwarded are %q", name, got)
		}
	}
}

// M5, M8: rules may not name what is ours or never passes, in whatever spelling.
func TestM5M8RulesOnFieldsThatAreNotTheirs(t *testing.T) {
	t.Parallel()
	set := func(names ...v1alpha1.HeaderName) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			h := &v1alpha1.RequestHeaders{}
			for _, name := range names {
				h.Set = append(h.Set, v1alpha1.HeaderValue{Name: name, Value: new("v")})
			}
			r.Spec.Backends[0].Request.Headers = h
		}
	}
	shown := func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "s", Key: "k", Header: "X-Key"}}
	}
	signed := func(a v1alpha1.BackendAuthentication) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].Authentication = &a }
	}
	webhooks := signed(v1alpha1.BackendAuthentication{Type: "StandardWebhooks", StandardWebhooks: &v1alpha1.StandardWebhooks{SecretName: "s"}})
	aws := signed(v1alpha1.BackendAuthentication{Type: "AWSSigV4", AWSSigV4: &v1alpha1.AWSSigV4{SecretName: "s", Region: "r", Service: "s"}})
	slack := signed(v1alpha1.BackendAuthentication{Type: "HMAC", HMAC: &v1alpha1.HMAC{
		SecretName: "s", Key: "k", Header: "X-Sig", Time: &v1alpha1.HMACTime{Header: "X-Time"}}})
	forward := func(name v1alpha1.HeaderName) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Request.ForwardCredentials = []v1alpha1.HeaderName{"Cookie", name}
		}
	}
	credential := func(name v1alpha1.HeaderName) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			r.Spec.Authentication = &v1alpha1.CallerAuthentication{CredentialHeaders: []v1alpha1.HeaderName{"X-Own", name}}
		}
	}
	key := func(name v1alpha1.HeaderName) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			r.Spec.Authentication = &v1alpha1.CallerAuthentication{APIKeys: &v1alpha1.CallerAPIKeys{SecretName: "s", Header: name}}
		}
	}
	token := func(name v1alpha1.HeaderName) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			r.Spec.Authentication = &v1alpha1.CallerAuthentication{JWT: []v1alpha1.CallerJWT{{
				Name: "idp", Issuer: "https://idp.example.com", Audiences: []string{"a"}, From: &v1alpha1.TokenPlace{Header: name},
			}}}
		}
	}
	limit := func(name v1alpha1.HeaderName) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			r.Spec.RateLimits = []v1alpha1.CallRateLimit{{Name: "a", Requests: 1, Key: &v1alpha1.RateLimitKey{Type: v1alpha1.KeyHeader, Header: name}}}
		}
	}
	for name, row := range map[string]struct {
		modify []func(*v1alpha1.FanoutRoute)
		field  string
	}{
		"a credential in the type":  {[]func(*v1alpha1.FanoutRoute){credential("content-type")}, "spec.authentication.credentialHeaders[1]"},
		"a credential in the host":  {[]func(*v1alpha1.FanoutRoute){credential("Host")}, "spec.authentication.credentialHeaders[1]"},
		"keys in the host":          {[]func(*v1alpha1.FanoutRoute){key("host")}, "spec.authentication.apiKeys.header"},
		"keys in ours":              {[]func(*v1alpha1.FanoutRoute){key("Fanout_Key")}, "spec.authentication.apiKeys.header"},
		"keys in a field":           {[]func(*v1alpha1.FanoutRoute){key("X-Own")}, ""},
		"tokens in the host":        {[]func(*v1alpha1.FanoutRoute){token("Host")}, "spec.authentication.jwt[0].from.header"},
		"tokens in the connection":  {[]func(*v1alpha1.FanoutRoute){token("te")}, "spec.authentication.jwt[0].from.header"},
		"tokens in the type":        {[]func(*v1alpha1.FanoutRoute){token("Content-Type")}, "spec.authentication.jwt[0].from.header"},
		"tokens in a field":         {[]func(*v1alpha1.FanoutRoute){token("X-Token")}, ""},
		"a backend's key in Host":   {[]func(*v1alpha1.FanoutRoute){signed(v1alpha1.BackendAuthentication{Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "s", Key: "k", Header: "host"}})}, "spec.backends[0].authentication.apiKey.header"},
		"a signature in Connection": {[]func(*v1alpha1.FanoutRoute){signed(v1alpha1.BackendAuthentication{Type: "HMAC", HMAC: &v1alpha1.HMAC{SecretName: "s", Key: "k", Header: "Connection"}})}, "spec.backends[0].authentication.hmac.header"},
		"its time in Via": {[]func(*v1alpha1.FanoutRoute){signed(v1alpha1.BackendAuthentication{Type: "HMAC", HMAC: &v1alpha1.HMAC{
			SecretName: "s", Key: "k", Header: "X-Sig", Time: &v1alpha1.HMACTime{Header: "via"}}})}, "spec.backends[0].authentication.hmac.time.header"},
		"limits by the host":         {[]func(*v1alpha1.FanoutRoute){limit("Host")}, "spec.rateLimits[0].key.header"},
		"limits by a field":          {[]func(*v1alpha1.FanoutRoute){limit("X-Tenant")}, ""},
		"a credential in X-Anything": {[]func(*v1alpha1.FanoutRoute){credential("X-Anything")}, ""},
		"Fanout_Outcome":             {[]func(*v1alpha1.FanoutRoute){set("X-A", "Fanout_Outcome")}, "spec.backends[0].request.headers.set[1].name"},
		"content_length":             {[]func(*v1alpha1.FanoutRoute){set("content_length")}, "spec.backends[0].request.headers.set[0].name"},
		"the credential's field":     {[]func(*v1alpha1.FanoutRoute){set("x_key"), shown}, "spec.backends[0].request.headers.set[0].name"},
		"the id of a webhook":        {[]func(*v1alpha1.FanoutRoute){set("webhook-id"), webhooks}, ""},
		"the time of a webhook":      {[]func(*v1alpha1.FanoutRoute){set("webhook_timestamp"), webhooks}, "spec.backends[0].request.headers.set[0].name"},
		"the signature of a webhook": {[]func(*v1alpha1.FanoutRoute){set("Webhook-Signature"), webhooks}, "spec.backends[0].request.headers.set[0].name"},
		"the field of an HMAC":       {[]func(*v1alpha1.FanoutRoute){set("x-sig"), slack}, "spec.backends[0].request.headers.set[0].name"},
		"the time of an HMAC":        {[]func(*v1alpha1.FanoutRoute){set("x_time"), slack}, "spec.backends[0].request.headers.set[0].name"},
		"Authorization of an HMAC":   {[]func(*v1alpha1.FanoutRoute){set("Authorization"), slack}, ""},
		"a session of AWS":           {[]func(*v1alpha1.FanoutRoute){set("x-amz-security-token"), aws}, "spec.backends[0].request.headers.set[0].name"},
		"Authorization of AWS":       {[]func(*v1alpha1.FanoutRoute){set("authorization"), aws}, "spec.backends[0].request.headers.set[0].name"},
		"another field of AWS":       {[]func(*v1alpha1.FanoutRoute){set("X-Amz-Target"), aws}, ""},
		"another one with _":         {[]func(*v1alpha1.FanoutRoute){set("X_Key")}, ""},
		"forwarding of X-Forwarded":  {[]func(*v1alpha1.FanoutRoute){forward("x-forwarded-for")}, "spec.backends[0].request.forwardCredentials[1]"},
		"of Proxy-Authorization":     {[]func(*v1alpha1.FanoutRoute){forward("Proxy-Authorization")}, "spec.backends[0].request.forwardCredentials[1]"},
		"of a key":                   {[]func(*v1alpha1.FanoutRoute){forward("X-API-Key")}, ""},
	} {
		_, errs := compile.Route(route(row.modify...), compile.Options{})
		if row.field == "" && len(errs) > 0 || row.field != "" && (len(errs) != 1 || errs[0].Field != row.field) {
			t.Errorf("%s: %v, want %q", name, errs, row.field)
		}
	}
}

func TestM8HeaderNames(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{"X-A": "X-A", "X-A,x_b": "X-A x_b", "X-A, x_b ": "X-A x_b", "": "!", "X-A,": "!", "X A": "!", "X:A": "!", "Ü": "!"} {
		got, err := compile.HeaderNames(list)
		if (err != nil) != (want == "!") || err == nil && strings.Join(got, " ") != want {
			t.Errorf("%q is read as %q (%v), want %s", list, got, err, want)
		}
	}
}
