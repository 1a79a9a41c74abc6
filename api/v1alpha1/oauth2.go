package v1alpha1

// ClientAuthentication is how a client proves to the token endpoint who it is.
//
// +kubebuilder:validation:Enum=Basic;Post;PrivateKeyJWT;TLSClientAuth;WorkloadIdentity;None
type ClientAuthentication string

// How a client proves who it is: by a secret (RFC 6749, section 2.3.1), by a JWT that it
// signs or by that of the proxies' service account (RFC 7523), by a certificate (RFC 8705),
// or not at all.
const (
	ClientAuthenticationBasic         ClientAuthentication = "Basic"
	ClientAuthenticationPost          ClientAuthentication = "Post"
	ClientAuthenticationPrivateKeyJWT ClientAuthentication = "PrivateKeyJWT"
	ClientAuthenticationTLSClientAuth ClientAuthentication = "TLSClientAuth"

	ClientAuthenticationWorkloadIdentity ClientAuthentication = "WorkloadIdentity"
	ClientAuthenticationNone             ClientAuthentication = "None"
)

// OAuth2 is the client credentials grant (RFC 6749, section 4.4), or a token exchange. One token
// serves all calls of a proxy, and is renewed before it ends. A call that is answered 401
// is sent once more with another token, unless one was fetched for that within a pause of
// 1 to 30 s.
//
// +kubebuilder:validation:XValidation:rule="(has(self.clientAuthentication) && self.clientAuthentication == 'TLSClientAuth') == (has(self.tls) && has(self.tls.clientCertificateSecretName))",message="backends.authentication.oauth2.tls.clientCertificateSecretName goes with clientAuthentication TLSClientAuth, and must be set there"
// +kubebuilder:validation:XValidation:rule="!has(self.assertionAudience) || (has(self.clientAuthentication) && self.clientAuthentication == 'PrivateKeyJWT')",message="backends.authentication.oauth2.assertionAudience applies only with clientAuthentication PrivateKeyJWT"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || self.tokenURL.startsWith('https:')",message="backends.authentication.oauth2.tls goes with an https tokenURL"
// +kubebuilder:validation:XValidation:rule="!has(self.audience) || !has(self.parameters) || self.parameters.all(p, p.name != 'audience')",message="backends.authentication.oauth2.parameters must not name audience beside oauth2.audience"
// +kubebuilder:validation:XValidation:rule="!has(self.resources) || !has(self.parameters) || self.parameters.all(p, p.name != 'resource')",message="backends.authentication.oauth2.parameters must not name resource beside oauth2.resources"
// +kubebuilder:validation:XValidation:rule="!has(self.clientAuthentication) || self.clientAuthentication != 'None' || has(self.tokenExchange)",message="backends.authentication.oauth2.clientAuthentication None goes with tokenExchange"
// +kubebuilder:validation:XValidation:rule="has(self.secretName) || (has(self.clientAuthentication) && self.clientAuthentication == 'None' && has(self.tokenExchange) && has(self.tokenExchange.subjectToken) && self.tokenExchange.subjectToken == 'WorkloadIdentity')",message="backends.authentication.oauth2.secretName must be set, unless clientAuthentication is None and tokenExchange.subjectToken WorkloadIdentity"
type OAuth2 struct {
	// tokenURL is the token endpoint: https, or http on loopback or within the
	// cluster (.svc).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && !self.contains('#') && (self.matches('^https://[A-Za-z0-9.:_\\\\[\\\\]-]+(/[!-~]*)?$') || self.matches('^http://(localhost|127[.][0-9.]+|\\\\[::1\\\\]|[a-z0-9.-]+[.]svc)(:[0-9]+)?(/[!-~]*)?$'))",message="backends.authentication.oauth2.tokenURL must be https:// with a host, without user and fragment; http:// only for loopback and .svc hosts"
	TokenURL string `json:"tokenURL,omitempty"`

	// secretName is the Secret with client_id and, by clientAuthentication, client_secret,
	// private_key (in PEM; with key_id where the endpoint asks for one) or nothing more; and with
	// subject_token, where that is exchanged. Without client authentication client_id may be left
	// out, and without both the Secret.
	// +optional
	SecretName SecretName `json:"secretName,omitempty"`

	// scopes are asked for. At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[!#-\[\]-~]+$`
	Scopes []string `json:"scopes,omitempty"`

	// audience is whom the token is for, as some endpoints ask. Default: nobody named.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Audience string `json:"audience,omitempty"`

	// resources are where the token is to be used (RFC 8707), each an absolute URI without
	// fragment. At most 8.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=1024
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z][A-Za-z0-9+.-]*:[!"$-~]+$`
	Resources []string `json:"resources,omitempty"`

	// clientAuthentication is how the client proves who it is: Basic (default) shows its
	// secret in the Authorization header, Post in the form; PrivateKeyJWT signs a JWT that is
	// good for a minute and one request, by the algorithm of its key (RS256, ES256, ES384,
	// ES512 or EdDSA); TLSClientAuth shows the certificate of tls; WorkloadIdentity sends the
	// token of workloadIdentity in place of that JWT; None proves nothing, for a tokenExchange
	// whose subject is proof enough.
	// +optional
	ClientAuthentication ClientAuthentication `json:"clientAuthentication,omitempty"`

	// tokenExchange gets the token for another one (RFC 8693). Default: for the client itself.
	// +optional
	TokenExchange *TokenExchange `json:"tokenExchange,omitempty"`

	// assertionAudience is the audience of the JWT of PrivateKeyJWT. Default: tokenURL.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	AssertionAudience string `json:"assertionAudience,omitempty"`

	// tls says how the endpoint proves who it is, and the client. Default: a certificate of a
	// public authority for its host, and none.
	// +optional
	TLS *TokenTLS `json:"tls,omitempty"`

	// parameters are added to the token request. At most 16.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(p, !(p.name in ['grant_type', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'scope', 'subject_token', 'subject_token_type', 'requested_token_type', 'actor_token']))",message="backends.authentication.oauth2.parameters must not name grant_type, client_id, client_secret, client_assertion, client_assertion_type, scope, subject_token, subject_token_type, requested_token_type or actor_token"
	Parameters []NameValue `json:"parameters,omitempty"`
}

// TokenTLS says how a token endpoint proves who it is, and the client to it.
//
// +kubebuilder:validation:XValidation:rule="has(self.caSecretName) || has(self.clientCertificateSecretName)",message="backends.authentication.oauth2.tls must have caSecretName or clientCertificateSecretName"
type TokenTLS struct {
	// caSecretName is the Secret whose ca.crt holds the authorities to believe,
	// instead of the public ones.
	// +optional
	CASecretName SecretName `json:"caSecretName,omitempty"`

	// clientCertificateSecretName is the Secret (kubernetes.io/tls) whose tls.crt and
	// tls.key the endpoint is shown. Default: none.
	// +optional
	ClientCertificateSecretName SecretName `json:"clientCertificateSecretName,omitempty"`
}
