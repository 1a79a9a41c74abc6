package compile

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func (c *compiler) oauth2(path *field.Path, o *v1alpha1.OAuth2) *routeconfig.Credential {
	c.checkURL(path.Child("tokenURL"), o.TokenURL)
	out := &routeconfig.Credential{
		Type:       routeconfig.CredentialOAuth2,
		Secret:     string(o.SecretName),
		TokenURL:   o.TokenURL,
		Scopes:     o.Scopes,
		Post:       o.ClientAuthentication == v1alpha1.ClientAuthenticationPost,
		Parameters: tokenParameters(o),
	}
	switch o.ClientAuthentication {
	case v1alpha1.ClientAuthenticationPrivateKeyJWT:
		out.Assertion = cmp.Or(o.AssertionAudience, o.TokenURL)
	case v1alpha1.ClientAuthenticationWorkloadIdentity:
		out.Federated = true
	case v1alpha1.ClientAuthenticationNone:
		out.Public = true
	default: // a secret, which Post sends elsewhere, or the certificate of TLS
	}
	out.Exchange = exchange(o.TokenExchange)
	if o.TLS != nil {
		out.TokenTLS = &routeconfig.TLS{CASecret: string(o.TLS.CASecretName), ClientCertificateSecret: string(o.TLS.ClientCertificateSecretName)}
	}
	return out
}

// exchange says for what the token is got; nil for the client itself.
func exchange(e *v1alpha1.TokenExchange) *routeconfig.Exchange {
	if e == nil {
		return nil
	}
	out := &routeconfig.Exchange{Workload: e.SubjectToken == v1alpha1.SubjectTokenWorkloadIdentity, RequestedTokenType: e.RequestedTokenType}
	kind := "access_token"
	if out.Workload {
		kind = "jwt"
	}
	out.SubjectTokenType = cmp.Or(e.SubjectTokenType, "urn:ietf:params:oauth:token-type:"+kind)
	return out
}

// tokenParameters are those of the token request beside what the grant itself has.
func tokenParameters(o *v1alpha1.OAuth2) []routeconfig.NameValue {
	out := pairs(o.Parameters)
	if o.Audience != "" {
		out = append(out, routeconfig.NameValue{Name: "audience", Value: o.Audience})
	}
	for _, uri := range o.Resources {
		out = append(out, routeconfig.NameValue{Name: "resource", Value: uri})
	}
	return out
}

func pairs(list []v1alpha1.NameValue) []routeconfig.NameValue {
	var out []routeconfig.NameValue
	for _, p := range list {
		out = append(out, routeconfig.NameValue{Name: p.Name, Value: p.Value})
	}
	return out
}
