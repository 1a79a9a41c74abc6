package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Backend is one receiver of calls.
//
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.service)",message="backends must each have exactly one of url and service"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || (has(self.url) && self.url.startsWith('https:')) || (has(self.service) && has(self.service.scheme) && self.service.scheme == 'https')",message="backends.tls goes with an https url or service"
// +kubebuilder:validation:XValidation:rule="!has(self.authentication) || !has(self.authentication.apiKey) || !has(self.authentication.apiKey.header) || !has(self.request) || !has(self.request.headers) || !has(self.request.headers.set) || self.request.headers.set.all(h, h.name.lowerAscii() != self.authentication.apiKey.header.lowerAscii())",message="backends.request.headers.set must not name the field of the backend's own API key"
// +kubebuilder:validation:XValidation:rule="!has(self.authentication) || self.authentication.type in ['APIKey', 'StandardWebhooks', 'HMAC'] || !has(self.request) || !has(self.request.headers) || !has(self.request.headers.set) || self.request.headers.set.all(h, h.name.lowerAscii() != 'authorization')",message="backends.request.headers.set must not name Authorization: backends.authentication sets it"
// +kubebuilder:validation:XValidation:rule="!has(self.maxQueuedRequests) || has(self.maxConcurrentRequests)",message="backends.maxQueuedRequests applies only with backends.maxConcurrentRequests, for whose slots calls wait"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'H2C' || (has(self.url) ? self.url.startsWith('http://') : !has(self.service) || !has(self.service.scheme) || self.service.scheme == 'http')",message="backends.protocol H2C is HTTP/2 without TLS: with https, Auto agrees on HTTP/2"
type Backend struct {
	// name tells the backend apart, in the response, the status and metrics.
	// +required
	Name BackendName `json:"name,omitempty"`

	// url is the backend's address: http or https, a host, an optional port and
	// path; no user, query or fragment. The host is an address, localhost, or a name
	// of two labels at least, which no search list completes; one that ends in .svc is
	// in the cluster's domain, and of the route's namespace.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[A-Za-z0-9.:_\\\\[\\\\]-]+(/[!-~]*)?$') && isURL(self) && !self.contains('?') && !self.contains('#')",message="backends.url must be http:// or https:// with a host, an optional port and path, and without user, query and fragment"
	// +kubebuilder:validation:XValidation:rule="!self.lowerAscii().matches('^https?://[a-z0-9_-]+([.]svc[.]?)?(:[0-9]*)?(/|$)') || self.lowerAscii().matches('^https?://localhost(:[0-9]*)?(/|$)')",message="backends.url must not have a host of one label, nor NAME.svc, which nothing completes: use backends.service, or write NAME.NAMESPACE.svc"
	URL string `json:"url,omitempty"`

	// service is a Service in the route's namespace, instead of a url.
	// +optional
	Service *ServiceReference `json:"service,omitempty"`

	// when says which calls the backend gets: those for which it yields true. A backend
	// that is left out counts for no success policy. Default: all.
	// +optional
	When Expression `json:"when,omitempty"`

	// shadow makes the backend a shadow, whose answer never counts. Default: it counts.
	// +optional
	Shadow *Shadow `json:"shadow,omitempty"`

	// authentication is how the route proves who it is. Default: not at all.
	// +optional
	Authentication *BackendAuthentication `json:"authentication,omitempty"`

	// request says what the backend is sent. Default: the call's method, query,
	// end-to-end headers and body, on the path of the backend's address.
	// +optional
	Request Request `json:"request,omitempty,omitzero"`

	// timeout bounds everything for this backend: token, waits, all attempts. 1ms
	// to 10m. Default: dispatch.timeout.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="backends.timeout must be between 1ms and 10m"
	Timeout *Duration `json:"timeout,omitempty"`

	// retry says when a failed attempt is repeated. Default: only where it is
	// proved that the backend did nothing with it, up to 8 times.
	// +optional
	Retry *Retry `json:"retry,omitempty"`

	// hedge says when a backend that is late is asked once more. Default: never.
	// +optional
	Hedge *Hedge `json:"hedge,omitempty"`

	// circuitBreaker says when a backend that fails is not asked any more. Default:
	// it always is.
	// +optional
	CircuitBreaker *CircuitBreaker `json:"circuitBreaker,omitempty"`

	// rateLimit is a limit on the requests that a proxy sends here, retries and hedges
	// included. Beyond it a call's answer is rejected with reason rateLimited, a retry
	// is not sent and the answer before it stands, and a hedge is not sent; or calls and
	// retries wait, see onLimit.
	// +optional
	RateLimit *BackendRateLimit `json:"rateLimit,omitempty"`

	// maxConcurrentRequests is the number of requests that a proxy has under way here
	// at once, hedges included, 1 to 65536; a call keeps its slot while it waits for a
	// retry. Beyond it a call's answer is rejected with reason overloaded, and a hedge
	// is not sent. Default: no limit but dispatch.maxInFlight.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	MaxConcurrentRequests *int32 `json:"maxConcurrentRequests,omitempty"`

	// maxQueuedRequests is the number of calls that wait for one of those to end, within
	// the backend's timeout and first come, first served, 0 to 65536; beyond it, and when
	// the time is up, the answer is rejected with reason overloaded. Default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65536
	MaxQueuedRequests *int32 `json:"maxQueuedRequests,omitempty"`

	// maxResponseSize is the largest response body taken, in bytes, up to 64Mi; a
	// larger one has failed with reason tooLarge. Default: 1Mi.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(self) && quantity(self).compareTo(quantity('1')) >= 0 && quantity(self).compareTo(quantity('64Mi')) <= 0",message="backends.maxResponseSize must be between 1 and 64Mi, such as 512Ki; numbers without unit are bytes, in quotes"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(self) || !quantity(self).isGreaterThan(quantity('0')) || quantity(self).isGreaterThan(quantity('64Mi')) || [quantity(self).asApproximateFloat()].all(b, b - double(int(b + 0.0000005)) < 0.0000005)",message="backends.maxResponseSize must be a whole number of bytes, and m is a thousandth: 10m is 0.01 bytes; write 10Mi"
	MaxResponseSize *resource.Quantity `json:"maxResponseSize,omitempty"`

	// successStatusCodes are the statuses that count as success, instead of every
	// 2xx. At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Minimum=200
	// +kubebuilder:validation:items:Maximum=599
	SuccessStatusCodes []int32 `json:"successStatusCodes,omitempty"`

	// protocol is what the backend is spoken to in: Auto (default: HTTP/2 where TLS
	// agrees on it by ALPN, else HTTP/1.1), HTTP1, or H2C for HTTP/2 without TLS. A
	// connection of HTTP/2 that is silent for 2 s while calls wait on it is closed.
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`

	// tls says how the backend proves who it is. Default: a certificate of a public
	// authority for its host.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
}

// Scheme is a URL scheme.
//
// +kubebuilder:validation:Enum=http;https
type Scheme string

// ServiceReference is a Service in the route's namespace.
type ServiceReference struct {
	// name is the Service's name.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// port is the Service's port, 1 to 65535.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// path is the path at the Service. Default: /.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[!-~]*$') && !self.contains('?') && !self.contains('#')",message="backends.service.path must begin with / and hold only visible ASCII, without ? and #"
	Path string `json:"path,omitempty"`

	// scheme is http (default) or https.
	// +optional
	Scheme Scheme `json:"scheme,omitempty"`
}

// Protocol is what a backend is spoken to in.
//
// +kubebuilder:validation:Enum=Auto;HTTP1;H2C
type Protocol string

// What a backend is spoken to in.
const (
	ProtocolAuto  Protocol = "Auto"
	ProtocolHTTP1 Protocol = "HTTP1"
	ProtocolH2C   Protocol = "H2C"
)

// BackendTLS says how a backend proves who it is.
//
// +kubebuilder:validation:XValidation:rule="has(self.caSecretName) || has(self.serverName) || has(self.clientCertificateSecretName)",message="backends.tls must have caSecretName, serverName or clientCertificateSecretName"
type BackendTLS struct {
	// caSecretName is the Secret whose ca.crt holds the authorities to believe,
	// instead of the public ones.
	// +optional
	CASecretName SecretName `json:"caSecretName,omitempty"`

	// serverName is the name that the certificate must have. Default: the host.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.:_-]+$`
	// +kubebuilder:validation:MaxLength=253
	ServerName string `json:"serverName,omitempty"`

	// clientCertificateSecretName is the Secret (kubernetes.io/tls) whose tls.crt and
	// tls.key the backend is shown. Default: none.
	// +optional
	ClientCertificateSecretName SecretName `json:"clientCertificateSecretName,omitempty"`
}
