package v1alpha1

// WorkloadIdentity is a token of the service account that the proxies run as, for one
// audience: the kubelet gets it, mounts it into the proxy alone and renews it. It is not the
// token that Pods are given to call the API server, which proxies never have.
type WorkloadIdentity struct {
	// audience is whom the token is for; not the API server. The token is sent to the hosts that
	// the Secret SERVICEACCOUNT.fanout-hosts names in allowedHosts and allowedTokenHosts, and
	// nowhere without it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Audience string `json:"audience,omitempty"`
}

// SubjectToken names where the token is that is exchanged.
//
// +kubebuilder:validation:Enum=Secret;WorkloadIdentity
type SubjectToken string

// Where the token is that is exchanged.
const (
	SubjectTokenSecret           SubjectToken = "Secret"
	SubjectTokenWorkloadIdentity SubjectToken = "WorkloadIdentity"
)

// TokenExchange is the grant of RFC 8693: a token is got for another one.
type TokenExchange struct {
	// subjectToken is what is exchanged: Secret (default), the key subject_token of the Secret of
	// oauth2, or WorkloadIdentity, the token of workloadIdentity.
	// +optional
	SubjectToken SubjectToken `json:"subjectToken,omitempty"`

	// subjectTokenType is what subjectToken is, a URI. Default:
	// urn:ietf:params:oauth:token-type:access_token for Secret, and
	// urn:ietf:params:oauth:token-type:jwt for WorkloadIdentity.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$`
	SubjectTokenType string `json:"subjectTokenType,omitempty"`

	// requestedTokenType is what is asked for, a URI. Default: what the endpoint takes for right.
	// Another one than asked for is refused, and without it what is neither an access token nor a
	// JWT.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$`
	RequestedTokenType string `json:"requestedTokenType,omitempty"`
}
