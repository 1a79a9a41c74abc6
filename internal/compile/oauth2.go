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
	if o.ClientAuthentication == v1alpha1.ClientAuthenticationPrivateKeyJWT {
		out.Assertion = cmp.Or(o.AssertionAudience, o.TokenURL)
	}
	if o.TLS != nil {
		out.TokenTLS = &routeconfig.TLS{CASecret: string(o.TLS.CASecretName), ClientCertificateSecret: string(o.TLS.ClientCertificateSecretName)}
	}
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
