package compile

import (
	"cmp"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// authentication is nil where anyone may call.
func (c *compiler) authentication() *routeconfig.Authentication {
	a := c.route.Spec.Authentication
	if open(a) {
		return nil
	}
	out := &routeconfig.Authentication{}
	if k := a.APIKeys; k != nil {
		c.carries(spec().Child("authentication", "apiKeys", "header"), k.Header)
		out.APIKeys = &routeconfig.CallerAPIKeys{Secret: string(k.SecretName), Header: string(cmp.Or(k.Header, "X-API-Key"))}
	}
	if b := a.Basic; b != nil {
		out.Basic = &routeconfig.CallerBasic{Secret: string(b.SecretName)}
	}
	for i := range a.JWT {
		out.JWT = append(out.JWT, c.jwt(spec().Child("authentication", "jwt").Index(i), &a.JWT[i]))
	}
	if cert := a.ClientCertificate; cert != nil {
		out.Certificate = &routeconfig.CallerCertificate{CASecret: string(cert.CASecretName)}
		for _, s := range cert.Subjects {
			out.Certificate.Subjects = append(out.Certificate.Subjects, routeconfig.Subject{Type: string(s.Type), Value: s.Value})
		}
	}
	return out
}

// open reports whether there is no way by which callers are known, so that anyone may call.
func open(a *v1alpha1.CallerAuthentication) bool {
	return a == nil || a.APIKeys == nil && a.Basic == nil && len(a.JWT) == 0 && a.ClientCertificate == nil
}

func (c *compiler) jwt(path *field.Path, j *v1alpha1.CallerJWT) routeconfig.CallerJWT {
	switch {
	case j.JWKS != nil: // nothing is fetched
	case j.JWKSURI != "":
		c.checkURL(path.Child("jwksURI"), j.JWKSURI)
	default:
		c.checkURL(path.Child("issuer"), j.Issuer)
	}
	out := routeconfig.CallerJWT{
		Name: string(j.Name), Issuer: j.Issuer, JWKSURI: j.JWKSURI, CASecret: string(j.CASecretName),
		Algorithms: texts(j.Algorithms), Audiences: j.Audiences, Caller: claim(cmp.Or(j.Caller, "claims.sub")),
		ClockSkew: c.durationOr(path.Child("clockSkew"), j.ClockSkew, "30s"), Header: "Authorization",
	}
	if len(out.Algorithms) == 0 {
		out.Algorithms = []string{"RS256", "ES256", "EdDSA"}
	}
	for i := range j.RequiredClaims {
		r := &j.RequiredClaims[i]
		out.RequiredClaims = append(out.RequiredClaims, routeconfig.RequiredClaim{Claim: claim(r.Claim), Values: r.Values})
	}
	if j.JWKS != nil {
		out.JWKS = configMapKey(j.JWKS.ConfigMapKeyRef)
	}
	if f := j.From; f != nil {
		c.carries(path.Child("from", "header"), f.Header)
		out.Header, out.Prefix, out.Query = string(f.Header), f.Prefix, f.Query
	}
	if strings.EqualFold(out.Header, "Authorization") {
		out.Prefix = cmp.Or(out.Prefix, "Bearer")
	}
	return out
}

func (c *compiler) authorization() *routeconfig.Authorization {
	a := c.route.Spec.Authorization
	if a == nil {
		return nil
	}
	out := &routeconfig.Authorization{}
	for i := range a.Rules {
		at := spec().Child("authorization", "rules").Index(i).Child("expression")
		out.Rules = append(out.Rules, routeconfig.AuthorizationRule{
			Expression: c.expression(at, a.Rules[i].Expression, expression.Bool), Message: a.Rules[i].Message,
		})
	}
	return out
}

// claimStep is a name of a path, behind a dot or in brackets and quotes.
const claimStep = `[.]([^.\[]+)|\["([^"]+)"\]`

// claim is the names that a path leads through.
func claim(path v1alpha1.ClaimPath) (names []string) {
	steps := regexp.MustCompile(claimStep).FindAllStringSubmatch(strings.TrimPrefix(string(path), "claims"), -1)
	for _, step := range steps {
		names = append(names, step[1]+step[2])
	}
	return names
}
