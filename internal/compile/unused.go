package compile

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// unused says what of a route has no effect, though it is well formed: its author has meant
// something by it.
func unused(route *v1alpha1.FanoutRoute, compiled *routeconfig.Route, expressions []Expression) (list []string) {
	if a := compiled.Authentication; a == nil || len(a.JWT) == 0 {
		for i := range expressions {
			if e := &expressions[i]; !e.Schema && readsClaims(e.Source) {
				list = append(list, fmt.Sprintf("%s reads request.claims, which nobody has, since spec.authentication.jwt names no issuer: add one, or leave that out", e.Path))
				break // one is enough to find the others
			}
		}
	}
	if compiled.Validation.Report && len(compiled.Validation.RuleNames()) == 0 {
		list = append(list, "spec.validation.mode is Report, and nothing is judged that could be reported: set spec.validation.jsonSchema, openAPI or rules, or leave mode out")
	}
	if route.Spec.RateLimitStore != nil && compiled.RateLimitStore == nil {
		list = append(list, "spec.rateLimitStore is asked by no limit: give one of spec.rateLimits, or the rateLimit of a backend, the scope Route, or leave the store out")
	}
	return list
}

// readsClaims reports whether an expression reads request.claims, outside of its texts and
// comments.
func readsClaims(source string) bool {
	if !strings.Contains(source, "claims") {
		return false
	}
	literals := regexp.MustCompile(`(?s)[rR]""".*?"""|[rR]'''.*?'''|[rR]"[^"\n]*"|[rR]'[^'\n]*'|` +
		`"""(?:\\.|[^\\])*?"""|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|//[^\n]*`)
	return regexp.MustCompile(`(?:^|[^\w.])request\s*\.\s*claims\b`).MatchString(literals.ReplaceAllString(source, "0"))
}
