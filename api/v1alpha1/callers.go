package v1alpha1

// CallerAuthentication says who may call: whoever one of the ways lets in. They are looked at
// in the order in which they stand here, and the first that does names the caller; what is
// shown for another and is invalid stops nobody. Whoever none lets in is answered 401.
//
// +kubebuilder:validation:XValidation:rule="has(self.apiKeys) || has(self.basic) || has(self.jwt) || has(self.clientCertificate) || has(self.credentialHeaders)",message="authentication must not be empty: set authentication.apiKeys, basic, jwt, clientCertificate or credentialHeaders"
type CallerAuthentication struct {
	// apiKeys admits callers that send one of the keys in a Secret. Without apiKeys and any
	// other way anyone may call.
	// +optional
	APIKeys *CallerAPIKeys `json:"apiKeys,omitempty"`

	// basic admits callers by username and password (RFC 7617). Default: none.
	// +optional
	Basic *CallerBasic `json:"basic,omitempty"`

	// jwt admits callers by tokens (RFC 7519), of any of these issuers. At most 8. Default:
	// none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	JWT []CallerJWT `json:"jwt,omitempty"`

	// clientCertificate admits callers by the certificate of their connection, which wants
	// listener.tls. Default: none is asked for.
	// +optional
	ClientCertificate *CallerCertificate `json:"clientCertificate,omitempty"`

	// credentialHeaders are fields that carry callers' credentials, in any case, beyond
	// those that do by custom (X-API-Key, Authorization, Cookie and others, see the docs)
	// and those of the operator's --credential-headers. They reach no backend whose
	// request.forwardCredentials does not name them, and no expression. 1 to 16. Default:
	// none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	CredentialHeaders []HeaderName `json:"credentialHeaders,omitempty"`
}

// CallerAPIKeys admits callers that send one of the keys in a Secret; others are
// answered 401. The header reaches no backend whose request.forwardCredentials does not
// name it.
type CallerAPIKeys struct {
	// secretName is the Secret with the keys. Each of its keys is a caller's name
	// as the access log shows it, each line of the value one valid API key: two
	// lines while one is being rotated.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`

	// header is the field with the API key. Default: X-API-Key.
	// +optional
	// +kubebuilder:default=X-API-Key
	Header HeaderName `json:"header,omitempty"`
}

// CallerBasic admits callers by username and password in Authorization (RFC 7617), which
// reaches no backend whose request.forwardCredentials does not name it. The username is the
// caller's name.
type CallerBasic struct {
	// secretName is the Secret whose key auth has the users as htpasswd -B writes them: a
	// line each, with a hash of bcrypt of cost 4 to 12. Lines with another hash admit nobody,
	// and ResolvedRefs says so. A line that is taken away admits nobody any more.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`
}

// Algorithm is one that tokens may be signed by (RFC 7518, section 3.1; RFC 8037; RFC 9864).
//
// +kubebuilder:validation:Enum=RS256;RS384;RS512;PS256;PS384;PS512;ES256;ES384;ES512;EdDSA;Ed25519
type Algorithm string

// ClaimPath leads to a claim of a token, such as claims.sub, claims.realm_access.id or
// claims["https://example.com/user"].
//
// +kubebuilder:validation:Pattern=`^claims([.][A-Za-z_][A-Za-z0-9_]*|\["[^"\\]+"\])+$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
type ClaimPath string

// CallerJWT admits callers by the tokens of an issuer. A token must be signed by one of its
// keys and algorithms, name it in iss, not have ended (exp, which it must have) and have
// begun (nbf, iat). Its keys are where issuer says, at jwksURI or in jwks. They are fetched
// every 5 minutes, and when a token names an unknown one, once in 30 s at most. While that
// fails the last ones are used for 24 h, and then none.
//
// +kubebuilder:validation:XValidation:rule="has(self.audiences) || has(self.requiredClaims)",message="authentication.jwt must have audiences or requiredClaims: tokens that the issuer has made for others would admit"
// +kubebuilder:validation:XValidation:rule="has(self.jwksURI) || has(self.jwks) || (has(self.issuer) && self.issuer.startsWith('http'))",message="authentication.jwt.issuer must be a URL where neither jwksURI nor jwks is set: that is where it says where its keys are"
// +kubebuilder:validation:XValidation:rule="!has(self.jwks) || (!has(self.jwksURI) && !has(self.caSecretName))",message="authentication.jwt.jwks goes with neither jwksURI nor caSecretName: nothing is fetched"
type CallerJWT struct {
	// name tells issuers apart, in status and metrics.
	// +required
	Name BackendName `json:"name,omitempty"`

	// issuer is what iss of its tokens says, character by character. Without jwksURI and jwks
	// it must be set, and is asked by OpenID Connect Discovery
	// (/.well-known/openid-configuration). Default: iss may say anything, and be missing.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('http') || (isURL(self) && !self.contains('#') && !self.contains('?') && (self.matches('^https://[A-Za-z0-9.:_\\\\[\\\\]-]+(/[!-~]*)?$') || self.matches('^http://(localhost|127[.][0-9.]+|\\\\[::1\\\\]|[a-z0-9.-]+[.]svc)(:[0-9]+)?(/[!-~]*)?$')))",message="authentication.jwt.issuer must be https:// with a host, without user, query and fragment; http:// only for loopback and .svc hosts"
	Issuer string `json:"issuer,omitempty"`

	// jwksURI is where the issuer's keys are, a JWK Set: https, or http on loopback or within
	// the cluster (.svc). Redirects are not followed. Default: where the issuer says.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && !self.contains('#') && (self.matches('^https://[A-Za-z0-9.:_\\\\[\\\\]-]+(/[!-~]*)?$') || self.matches('^http://(localhost|127[.][0-9.]+|\\\\[::1\\\\]|[a-z0-9.-]+[.]svc)(:[0-9]+)?(/[!-~]*)?$'))",message="authentication.jwt.jwksURI must be https:// with a host, without user and fragment; http:// only for loopback and .svc hosts"
	JWKSURI string `json:"jwksURI,omitempty"`

	// jwks is the issuer's keys themselves, for one that proxies cannot ask. Default: they are
	// fetched.
	// +optional
	JWKS *JWKS `json:"jwks,omitempty"`

	// caSecretName is a Secret whose ca.crt has the authorities of the issuer's certificate.
	// Default: the public ones.
	// +optional
	CASecretName SecretName `json:"caSecretName,omitempty"`

	// algorithms are those that tokens may be signed by. Default: RS256, ES256 and EdDSA.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=11
	Algorithms []Algorithm `json:"algorithms,omitempty"`

	// audiences are those of which a token must name one in aud. At most 16. Default: any,
	// which wants requiredClaims.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Audiences []string `json:"audiences,omitempty"`

	// clockSkew is how far the issuer's clock may be off, 0s to 5m. Default: 30s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('5m')",message="authentication.jwt.clockSkew must be between 0s and 5m"
	ClockSkew Duration `json:"clockSkew,omitempty"`

	// requiredClaims must all be there. At most 16. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	RequiredClaims []RequiredClaim `json:"requiredClaims,omitempty"`

	// caller is the claim that names the caller: a text of at most 256 bytes, or a number. A
	// token without it admits nobody. Default: claims.sub.
	// +optional
	Caller ClaimPath `json:"caller,omitempty"`

	// from is where the token is. Default: Authorization, behind Bearer.
	// +optional
	From *TokenPlace `json:"from,omitempty"`
}

// JWKS is a JWK Set (RFC 7517) that is not fetched.
type JWKS struct {
	// configMapKeyRef is the set in a ConfigMap. A key that is taken out of it, and all of
	// them where it is deleted, admits nobody any more. What is no JWK Set leaves the last good
	// one in use for 24 h, which ResolvedRefs tells. As long as there is none, tokens are not
	// judged: 503.
	// +required
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`
}

// RequiredClaim is a claim that a token must have.
type RequiredClaim struct {
	// claim is its path, such as claims.azp.
	// +required
	Claim ClaimPath `json:"claim,omitempty"`

	// values are those of which it must be one or, where it is a list, have one. Of
	// claims.scope the words are compared. At most 16. Default: any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=256
	Values []string `json:"values,omitempty"`
}

// TokenPlace is where a token is.
//
// +kubebuilder:validation:XValidation:rule="has(self.header) != has(self.query)",message="authentication.jwt.from must have exactly one of header and query"
// +kubebuilder:validation:XValidation:rule="!has(self.prefix) || has(self.header)",message="authentication.jwt.from.prefix goes with header"
type TokenPlace struct {
	// header is the field of the token. It reaches no backend whose
	// request.forwardCredentials does not name it.
	// +optional
	Header HeaderName `json:"header,omitempty"`

	// prefix stands before the token, in any case and with a blank behind it. Default: Bearer
	// in Authorization, else none.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._~+/=-]+$`
	// +kubebuilder:validation:MaxLength=64
	Prefix string `json:"prefix,omitempty"`

	// query is the query parameter of the token. URLs end up in logs and histories: use it
	// for clients that can do nothing else. Backends and expressions do not get it.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._~-]+$`
	// +kubebuilder:validation:MaxLength=128
	Query string `json:"query,omitempty"`
}
