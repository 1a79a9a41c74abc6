package v1alpha1

// Listener says which calls a route takes, and where.
type Listener struct {
	// port is the port of the route's Service, 1 to 65535. Default: 8080. With
	// fanoutctl run it is the port on the local address.
	// +optional
	// +kubebuilder:default=8080
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// tls makes the listener one of HTTPS. Default: plain HTTP.
	// +optional
	TLS *ListenerTLS `json:"tls,omitempty"`

	// matches are the calls taken; any one of them is enough. A call whose path
	// none covers is answered 404, one whose method none takes 405 with Allow.
	// Default: every call but TRACE and CONNECT. At most 16.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Matches []Match `json:"matches,omitempty"`

	// clientIP says whom to believe about the client's address. Default: nobody,
	// the address is that of the connection.
	// +optional
	ClientIP *ClientIP `json:"clientIP,omitempty"`
}

// ListenerTLS is what the proxies show their clients, TLS 1.2 or later.
type ListenerTLS struct {
	// secretName names the Secret with tls.crt and tls.key, as cert-manager writes
	// it. A new pair is used by the next connection; one that does not fit together
	// keeps the last good one.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`
}

// Match is a set of calls.
type Match struct {
	// path is the path covered. Default: every path.
	// +optional
	Path PathMatch `json:"path,omitempty,omitzero"`

	// methods are the methods taken. Default: all but TRACE and CONNECT.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	Methods []Method `json:"methods,omitempty"`
}

// PathMatchType is the way in which a path is compared.
//
// +kubebuilder:validation:Enum=PathPrefix;Exact
type PathMatchType string

// The ways in which a path is compared.
const (
	// PathPrefix covers the value and everything below it, by whole raw segments.
	PathPrefix PathMatchType = "PathPrefix"
	// PathExact covers the value alone.
	PathExact PathMatchType = "Exact"
)

// PathMatch is a set of paths, compared byte for byte as the client sent them.
type PathMatch struct {
	// type is PathPrefix (default) or Exact.
	// +optional
	Type PathMatchType `json:"type,omitempty"`

	// value begins with a slash and has no query. A slash at the end of a prefix
	// does not matter: /orders/ covers /orders too.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[!-~]*$') && !self.contains('?') && !self.contains('#')",message="listener.matches.path.value must begin with / and hold only visible ASCII, without ? and #"
	Value string `json:"value,omitempty"`
}

// ClientIP says whom to believe about the client's address.
type ClientIP struct {
	// trustedCIDRs are the networks of proxies in front of the route. Behind them
	// the client is the rightmost address of X-Forwarded-For that is in none of
	// them. 1 to 32.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=50
	// +kubebuilder:validation:XValidation:rule="self.all(c, isCIDR(c))",message="listener.clientIP.trustedCIDRs must be networks such as 10.0.0.0/8 or fd00::/8"
	TrustedCIDRs []string `json:"trustedCIDRs,omitempty"`
}
