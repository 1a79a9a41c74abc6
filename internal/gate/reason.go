package gate

import (
	"slices"

	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Why a caller is not known, in the place of the one kind that its response has. Clients are not
// told: it would help who tries.
const (
	nothingShown       = "no-credentials"
	callersMissing     = "callers-missing" // the Secret to judge by is not there
	unknownKey         = "unknown-api-key"
	wrongPassword      = "wrong-password"
	unknownCertificate = "unknown-certificate"
)

// ofToken is why a token is refused; empty where it could not be judged.
func ofToken(f jwt.Flaw) string { return tokenFlaws()[f] }

func tokenFlaws() [jwt.BadSignature + 1]string {
	return [...]string{
		jwt.NoFlaw:         "",
		jwt.Malformed:      "token-malformed",
		jwt.WrongIssuer:    "token-wrong-issuer",
		jwt.NoExpiry:       "token-without-expiry",
		jwt.Expired:        "token-expired",
		jwt.NotYetValid:    "token-not-yet-valid",
		jwt.WrongAudience:  "token-wrong-audience",
		jwt.LacksClaim:     "token-lacks-claim",
		jwt.NoCaller:       "token-without-caller",
		jwt.WrongAlgorithm: "token-wrong-algorithm",
		jwt.UnknownKey:     "token-unknown-key",
		jwt.BadSignature:   "token-bad-signature",
	}
}

// Reason is why a request makes no call, in a word that holds nothing of it: one of Reasons.
func (r *Refusal) Reason() string {
	if r.cause != "" {
		return r.cause
	}
	return r.Kind.Slug()
}

// Rule is the rule of the validation that refuses the request, empty for none.
func (r *Refusal) Rule() string {
	if len(r.Errors) == 0 {
		return ""
	}
	return r.Errors[0].Rule
}

// Reasons are all reasons for which a request makes no call.
func Reasons() (list []string) {
	for _, kind := range problem.Kinds() {
		if kind < problem.NoBackend && kind != problem.Unauthenticated {
			list = append(list, kind.Slug())
		}
	}
	return append(list, unauthenticated(&routeconfig.Authentication{
		APIKeys: &routeconfig.CallerAPIKeys{}, Basic: &routeconfig.CallerBasic{}, JWT: make([]routeconfig.CallerJWT, 1), Certificate: &routeconfig.CallerCertificate{},
	})...)
}

// unauthenticated are the reasons for which callers are not known, by the ways in which they may be.
func unauthenticated(a *routeconfig.Authentication) []string {
	list := []string{nothingShown}
	if a.APIKeys != nil || a.Basic != nil || a.Certificate != nil {
		list = append(list, callersMissing)
	}
	if a.APIKeys != nil {
		list = append(list, unknownKey)
	}
	if a.Basic != nil {
		list = append(list, wrongPassword)
	}
	if a.Certificate != nil {
		list = append(list, unknownCertificate)
	}
	if len(a.JWT) > 0 {
		flaws := tokenFlaws()
		list = append(list, flaws[jwt.Malformed:]...)
	}
	return list
}

// ReasonsOf are the reasons for which requests to one route may make no call.
func ReasonsOf(config *routeconfig.Route) (list []string) {
	for _, kind := range problem.Kinds() {
		if applies(kind, config) {
			list = append(list, kind.Slug())
		}
	}
	if config.Authentication != nil {
		list = append(list, unauthenticated(config.Authentication)...)
	}
	return list
}

// applies reports whether requests to a route can be refused as a kind.
func applies(kind problem.Kind, config *routeconfig.Route) bool {
	v := &config.Validation
	switch kind { //nolint:exhaustive // those that depend on the spec: all others of the gate apply
	case problem.Unauthenticated:
		return false // by what is shown
	case problem.CallerUnjudged:
		return config.Authentication != nil
	case problem.RateLimited:
		return len(config.RateLimits) > 0
	case problem.LimitUnknown:
		return slices.ContainsFunc(config.RateLimits, func(l routeconfig.RateLimit) bool { return l.Shared })
	case problem.NoOperation, problem.BadParameters:
		return v.OpenAPI != nil
	case problem.NotJSON, problem.InvalidBody, problem.Unjudged:
		return len(v.RuleNames()) > 0
	}
	return kind < problem.NoBackend
}
