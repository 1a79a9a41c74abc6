package v1alpha1

// AuthenticationType names a way to prove who the route is.
//
// +kubebuilder:validation:Enum=OAuth2;APIKey;Basic;Bearer;StandardWebhooks;HMAC;AWSSigV4;WorkloadIdentity
type AuthenticationType string

// The ways to prove who the route is.
const (
	AuthenticationOAuth2           AuthenticationType = "OAuth2"
	AuthenticationAPIKey           AuthenticationType = "APIKey"
	AuthenticationBasic            AuthenticationType = "Basic"
	AuthenticationBearer           AuthenticationType = "Bearer"
	AuthenticationStandardWebhooks AuthenticationType = "StandardWebhooks"
	AuthenticationHMAC             AuthenticationType = "HMAC"
	AuthenticationAWSSigV4         AuthenticationType = "AWSSigV4"
	AuthenticationWorkloadIdentity AuthenticationType = "WorkloadIdentity"
)

// BackendAuthentication is how the route proves who it is. The credential
// replaces whatever the caller sent in its place.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'OAuth2') == has(self.oauth2)",message="backends.authentication.oauth2 goes with type OAuth2, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'APIKey') == has(self.apiKey)",message="backends.authentication.apiKey goes with type APIKey, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Basic') == has(self.basic)",message="backends.authentication.basic goes with type Basic, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Bearer') == has(self.bearer)",message="backends.authentication.bearer goes with type Bearer, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'StandardWebhooks') == has(self.standardWebhooks)",message="backends.authentication.standardWebhooks goes with type StandardWebhooks, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'HMAC') == has(self.hmac)",message="backends.authentication.hmac goes with type HMAC, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'AWSSigV4') == has(self.awsSigV4)",message="backends.authentication.awsSigV4 goes with type AWSSigV4, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'WorkloadIdentity' || (has(self.oauth2) && ((has(self.oauth2.clientAuthentication) && self.oauth2.clientAuthentication == 'WorkloadIdentity') || (has(self.oauth2.tokenExchange) && has(self.oauth2.tokenExchange.subjectToken) && self.oauth2.tokenExchange.subjectToken == 'WorkloadIdentity')))) == has(self.workloadIdentity)",message="backends.authentication.workloadIdentity goes with type WorkloadIdentity, and with oauth2 that uses it, and must be set there"
type BackendAuthentication struct {
	// type is OAuth2, APIKey, Basic, Bearer, StandardWebhooks, HMAC, AWSSigV4 or
	// WorkloadIdentity, which shows the token of workloadIdentity as Bearer does.
	// +required
	Type AuthenticationType `json:"type,omitempty"`

	// oauth2 goes with type OAuth2.
	// +optional
	OAuth2 *OAuth2 `json:"oauth2,omitempty"`

	// apiKey goes with type APIKey.
	// +optional
	APIKey *APIKey `json:"apiKey,omitempty"`

	// basic goes with type Basic.
	// +optional
	Basic *SecretReference `json:"basic,omitempty"`

	// bearer goes with type Bearer.
	// +optional
	Bearer *SecretReference `json:"bearer,omitempty"`

	// standardWebhooks goes with type StandardWebhooks.
	// +optional
	StandardWebhooks *StandardWebhooks `json:"standardWebhooks,omitempty"`

	// hmac goes with type HMAC.
	// +optional
	HMAC *HMAC `json:"hmac,omitempty"`

	// awsSigV4 goes with type AWSSigV4.
	// +optional
	AWSSigV4 *AWSSigV4 `json:"awsSigV4,omitempty"`

	// workloadIdentity goes with type WorkloadIdentity, and with oauth2 where clientAuthentication
	// or tokenExchange.subjectToken is WorkloadIdentity.
	// +optional
	WorkloadIdentity *WorkloadIdentity `json:"workloadIdentity,omitempty"`
}

// SecretReference is a Secret in the route's namespace: with username and
// password for Basic (RFC 7617), with token for Bearer (RFC 6750). One line end behind a
// value is cut; one that cannot be sent then is not, and told in ResolvedRefs.
type SecretReference struct {
	// secretName is the Secret's name.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`
}

// APIKey is a secret value in a header or in the query.
//
// +kubebuilder:validation:XValidation:rule="has(self.header) != has(self.query)",message="backends.authentication.apiKey must have exactly one of header and query"
// +kubebuilder:validation:XValidation:rule="!has(self.header) || !(self.header.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'te', 'upgrade', 'trailer', 'via'])",message="backends.authentication.apiKey.header must not name Host, Content-Length, Transfer-Encoding, Connection, TE, Upgrade, Trailer or Via"
type APIKey struct {
	// secretName is the Secret's name.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`

	// key is the key within the Secret. One line end behind its value is cut; a value that
	// cannot stand in the header then is not sent, and told in ResolvedRefs.
	// +required
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!(self in ['allowedHosts', 'allowedTokenHosts'])",message="backends.authentication.apiKey.key must not be allowedHosts or allowedTokenHosts, which are reserved"
	Key string `json:"key,omitempty"`

	// header is the field that carries it.
	// +optional
	Header HeaderName `json:"header,omitempty"`

	// query is the query parameter that carries it.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._~-]+$`
	// +kubebuilder:validation:MaxLength=128
	Query string `json:"query,omitempty"`
}
