package compile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// What is well formed and has no effect is told: its author has meant something by it.
func TestWhatHasNoEffect(t *testing.T) {
	t.Parallel()
	rule := func(expression string) func(*v1alpha1.FanoutRoute) {
		return func(r *v1alpha1.FanoutRoute) {
			r.Spec.Validation.Rules = []v1alpha1.ValidationRule{{Name: "r", Message: "m", Expression: v1alpha1.Expression(expression)}}
		}
	}
	jwt := func(r *v1alpha1.FanoutRoute) {
		r.Spec.Authentication = &v1alpha1.CallerAuthentication{JWT: []v1alpha1.CallerJWT{{Name: "idp", Issuer: "https://idp.example.com", Audiences: []string{"a"}}}}
	}
	const claims = "reads request.claims, which nobody has"
	for name, row := range map[string]struct {
		modify []func(*v1alpha1.FanoutRoute)
		want   string
	}{
		"claims of nobody":      {[]func(*v1alpha1.FanoutRoute){rule("request.claims.role == 'admin'")}, "spec.validation.rules[0].expression " + claims},
		"with spaces between":   {[]func(*v1alpha1.FanoutRoute){rule("has(request . claims.role)")}, claims},
		"behind a text":         {[]func(*v1alpha1.FanoutRoute){rule(`"it's \"" + r'\' != "" && has(request.claims.a)`)}, claims},
		"behind a long text":    {[]func(*v1alpha1.FanoutRoute){rule(`"""a "b" """ != "" && has(request.claims.a)`)}, claims},
		"in a condition":        {[]func(*v1alpha1.FanoutRoute){func(r *v1alpha1.FanoutRoute) { r.Spec.Backends[0].When = "has(request.claims.a)" }}, "spec.backends[0].when " + claims},
		"claims of somebody":    {[]func(*v1alpha1.FanoutRoute){rule("request.claims.role == 'admin'"), jwt}, ""},
		"in a text alone":       {[]func(*v1alpha1.FanoutRoute){rule(`request.path != "request.claims" + 'request.claims' + r"request.claims" + """request.claims"""`)}, ""},
		"in a comment alone":    {[]func(*v1alpha1.FanoutRoute){rule("true // request.claims")}, ""},
		"a claim of the body":   {[]func(*v1alpha1.FanoutRoute){rule("request.body.request.claims == 1")}, ""},
		"another name":          {[]func(*v1alpha1.FanoutRoute){rule("request.body.claims == 1")}, ""},
		"a report of nothing":   {[]func(*v1alpha1.FanoutRoute){func(r *v1alpha1.FanoutRoute) { r.Spec.Validation.Mode = v1alpha1.ValidationReport }}, "spec.validation.mode is Report, and nothing is judged"},
		"a report of something": {[]func(*v1alpha1.FanoutRoute){rule("true"), func(r *v1alpha1.FanoutRoute) { r.Spec.Validation.Mode = v1alpha1.ValidationReport }}, ""},
		"a store for nothing": {[]func(*v1alpha1.FanoutRoute){func(r *v1alpha1.FanoutRoute) { r.Spec.RateLimitStore = storeOf("redis.shop.svc:6379") }},
			"spec.rateLimitStore is asked by no limit"},
		"a store for a limit": {[]func(*v1alpha1.FanoutRoute){sharedLimit, func(r *v1alpha1.FanoutRoute) { r.Spec.RateLimitStore = storeOf("redis.shop.svc:6379") }}, ""},
	} {
		reasons, text := remarks(t, route(row.modify...))
		told := slices.Contains(reasons, v1alpha1.ReasonWithoutEffect)
		if told != (row.want != "") || !strings.Contains(text, row.want) {
			t.Errorf("%s: %v: %s, want %q", name, reasons, text, row.want)
		}
	}
}
