package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Backend is one receiver of calls.
//
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.service)",message="backends must each have exactly one of url and service"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || (has(self.url) && self.url.startsWith('https:')) || (has(self.service) && self.service.scheme == 'https')",message="backends.tls goes with an https url or service"
// +kubebuilder:validation:XValidation:rule="!has(self.authentication) || !has(self.authentication.apiKey) || !has(self.authentication.apiKey.header) || !has(self.request.headers) || !has(self.request.headers.set) || self.request.headers.set.all(h, h.name.lowerAscii() != self.authentication.apiKey.header.lowerAscii())",message="backends.request.headers.set must not name the field of the backend's own API key"
// +kubebuilder:validation:XValidation:rule="!has(self.authentication) || self.authentication.type == 'APIKey' || !has(self.request.headers) || !has(self.request.headers.set) || self.request.headers.set.all(h, h.name.lowerAscii() != 'authorization')",message="backends.request.headers.set must not name Authorization: backends.authentication sets it"
type Backend struct {
	// name tells the backend apart, in the response, the status and metrics.
	// +required
	Name BackendName `json:"name,omitempty"`

	// url is the backend's address: http or https, a host, an optional port and
	// path; no user, query or fragment.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[A-Za-z0-9.:_\\\\[\\\\]-]+(/[!-~]*)?$') && isURL(self) && !self.contains('?') && !self.contains('#')",message="backends.url must be http:// or https:// with a host, an optional port and path, and without user, query and fragment"
	URL string `json:"url,omitempty"`

	// service is a Service in the route's namespace, instead of a url.
	// +optional
	Service *ServiceReference `json:"service,omitempty"`

	// authentication is how the route proves who it is. Default: not at all.
	// +optional
	Authentication *BackendAuthentication `json:"authentication,omitempty"`

	// request says what the backend is sent. Default: the call's method, query,
	// end-to-end headers and body, on the path of the backend's address.
	// +optional
	// +kubebuilder:default={}
	Request Request `json:"request,omitempty,omitzero"`

	// timeout bounds everything for this backend: token, waits, all attempts. 1ms
	// to 10m. Default: dispatch.timeout.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="backends.timeout must be between 1ms and 10m"
	Timeout *Duration `json:"timeout,omitempty"`

	// retry says when a failed attempt is repeated. Default: only where it is
	// proved that no byte of it was sent on a connection that had gone stale.
	// +optional
	Retry *Retry `json:"retry,omitempty"`

	// rateLimit is a limit on the calls that a proxy sends here; beyond it the
	// answer is rejected with reason rateLimited.
	// +optional
	RateLimit *BackendRateLimit `json:"rateLimit,omitempty"`

	// maxConcurrentRequests is the number of calls that a proxy has under way here
	// at once, 1 to 65536; beyond it the answer is rejected with reason overloaded.
	// Default: no limit but dispatch.maxInFlight.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	MaxConcurrentRequests *int32 `json:"maxConcurrentRequests,omitempty"`

	// maxResponseSize is the largest response body taken, in bytes, up to 64Mi; a
	// larger one has failed with reason tooLarge. Default: 1Mi.
	// +optional
	// +kubebuilder:default="1Mi"
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(self) && quantity(self).compareTo(quantity('1')) >= 0 && quantity(self).compareTo(quantity('64Mi')) <= 0",message="backends.maxResponseSize must be between 1 and 64Mi, such as 512Ki; numbers without unit are bytes, in quotes"
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
	// +kubebuilder:default=/
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[!-~]*$') && !self.contains('?') && !self.contains('#')",message="backends.service.path must begin with / and hold only visible ASCII, without ? and #"
	Path string `json:"path,omitempty"`

	// scheme is http (default) or https.
	// +optional
	// +kubebuilder:default=http
	Scheme Scheme `json:"scheme,omitempty"`
}

// AuthenticationType names a way to prove who the route is.
//
// +kubebuilder:validation:Enum=OAuth2;APIKey;Basic;Bearer
type AuthenticationType string

// The ways to prove who the route is.
const (
	AuthenticationOAuth2 AuthenticationType = "OAuth2"
	AuthenticationAPIKey AuthenticationType = "APIKey"
	AuthenticationBasic  AuthenticationType = "Basic"
	AuthenticationBearer AuthenticationType = "Bearer"
)

// BackendAuthentication is how the route proves who it is. The credential
// replaces whatever the caller sent in its place.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'OAuth2') == has(self.oauth2)",message="backends.authentication.oauth2 goes with type OAuth2, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'APIKey') == has(self.apiKey)",message="backends.authentication.apiKey goes with type APIKey, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Basic') == has(self.basic)",message="backends.authentication.basic goes with type Basic, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Bearer') == has(self.bearer)",message="backends.authentication.bearer goes with type Bearer, and must be set there"
type BackendAuthentication struct {
	// type is OAuth2, APIKey, Basic or Bearer.
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
}

// SecretReference is a Secret in the route's namespace: with username and
// password for Basic (RFC 7617), with token for Bearer (RFC 6750).
type SecretReference struct {
	// secretName is the Secret's name.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`
}

// ClientAuthentication is how a client shows its secret to the token endpoint.
//
// +kubebuilder:validation:Enum=Basic;Post
type ClientAuthentication string

// How a client shows its secret (RFC 6749, section 2.3.1).
const (
	ClientAuthenticationBasic ClientAuthentication = "Basic"
	ClientAuthenticationPost  ClientAuthentication = "Post"
)

// OAuth2 is the client credentials grant (RFC 6749, section 4.4). One token
// serves all calls of a proxy, is renewed before it ends, and once on a 401.
type OAuth2 struct {
	// tokenURL is the token endpoint: https, or http on loopback or within the
	// cluster (.svc).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && !self.contains('#') && (self.matches('^https://[A-Za-z0-9.:_\\\\[\\\\]-]+(/[!-~]*)?$') || self.matches('^http://(localhost|127[.][0-9.]+|\\\\[::1\\\\]|[a-z0-9.-]+[.]svc)(:[0-9]+)?(/[!-~]*)?$'))",message="backends.authentication.oauth2.tokenURL must be https:// with a host, without user and fragment; http:// only for loopback and .svc hosts"
	TokenURL string `json:"tokenURL,omitempty"`

	// secretName is the Secret with client_id and client_secret.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`

	// scopes are asked for. At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[!#-\[\]-~]+$`
	Scopes []string `json:"scopes,omitempty"`

	// clientAuthentication is how the client shows its secret: Basic (default) in
	// the Authorization header, Post in the form.
	// +optional
	// +kubebuilder:default=Basic
	ClientAuthentication ClientAuthentication `json:"clientAuthentication,omitempty"`

	// parameters are added to the token request, such as audience. At most 16.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(p, !(p.name in ['grant_type', 'client_id', 'client_secret', 'scope']))",message="backends.authentication.oauth2.parameters must not name grant_type, client_id, client_secret or scope"
	Parameters []NameValue `json:"parameters,omitempty"`
}

// APIKey is a secret value in a header or in the query.
//
// +kubebuilder:validation:XValidation:rule="has(self.header) != has(self.query)",message="backends.authentication.apiKey must have exactly one of header and query"
// +kubebuilder:validation:XValidation:rule="!has(self.header) || !(self.header.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'te', 'upgrade', 'trailer', 'via'])",message="backends.authentication.apiKey.header must not name Host, Content-Length, Transfer-Encoding, Connection, TE, Upgrade, Trailer or Via"
type APIKey struct {
	// secretName is the Secret's name.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`

	// key is the key within the Secret.
	// +required
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self != 'allowedHosts'",message="backends.authentication.apiKey.key must not be allowedHosts, which is reserved"
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

// NameValue is a name with a value.
type NameValue struct {
	// name is 1 to 128 characters.
	// +required
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// value is at most 4096 characters, without control characters.
	// +required
	// +kubebuilder:validation:Pattern=`^[^\x00-\x1f\x7f]*$`
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value"`
}

// HeaderValue is a field with its value.
//
// +kubebuilder:validation:XValidation:rule="!(self.name.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade', 'trailer', 'via']) && !self.name.lowerAscii().startsWith('fanout-')",message="backends.request.headers.set must not name Host (use backends.request.host), Content-Length, Transfer-Encoding, Via, Fanout-* or hop-by-hop fields"
type HeaderValue struct {
	// name is the field's name.
	// +required
	Name HeaderName `json:"name,omitempty"`

	// value is at most 4096 characters, without control characters.
	// +required
	// +kubebuilder:validation:Pattern=`^[^\x00-\x08\x0a-\x1f\x7f]*$`
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value"`
}

// ForwardedCredential is a credential of the caller.
//
// +kubebuilder:validation:Enum=Authorization;Cookie;APIKey
type ForwardedCredential string

// The credentials of a caller.
const (
	ForwardAuthorization ForwardedCredential = "Authorization"
	ForwardCookie        ForwardedCredential = "Cookie"
	ForwardAPIKey        ForwardedCredential = "APIKey"
)

// Request says what a backend is sent.
type Request struct {
	// method replaces the call's; GET and HEAD drop the body. Default: the call's.
	// +optional
	Method Method `json:"method,omitempty"`

	// host is the authority that the backend sees. Default: its own.
	// +optional
	Host *RequestHost `json:"host,omitempty"`

	// path says how the path is made. Default: that of the backend's address.
	// +optional
	// +kubebuilder:default={type: "URL"}
	Path RequestPath `json:"path,omitempty,omitzero"`

	// query says how the query is made. Default: the call's, byte for byte.
	// +optional
	// +kubebuilder:default={type: "Forward"}
	Query RequestQuery `json:"query,omitempty,omitzero"`

	// headers are rules for the fields, applied to the call's end-to-end fields.
	// +optional
	Headers *RequestHeaders `json:"headers,omitempty"`

	// forwardCredentials are the caller's credentials that the backend gets to see.
	// Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	ForwardCredentials []ForwardedCredential `json:"forwardCredentials,omitempty"`

	// body says which body is sent. Default: the call's.
	// +optional
	// +kubebuilder:default={type: "Forward"}
	Body RequestBody `json:"body,omitempty,omitzero"`
}

// RequestHostType names the authority that a backend sees.
//
// +kubebuilder:validation:Enum=Backend;Forward;Value
type RequestHostType string

// The authority that a backend sees.
const (
	HostBackend RequestHostType = "Backend"
	HostForward RequestHostType = "Forward"
	HostValue   RequestHostType = "Value"
)

// RequestHost is the authority that a backend sees.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Value') == has(self.value)",message="backends.request.host.value goes with type Value, and must be set there"
type RequestHost struct {
	// type is Backend (default) for its own, Forward for the call's, Value for the
	// one below.
	// +optional
	// +kubebuilder:default=Backend
	Type RequestHostType `json:"type,omitempty"`

	// value is a host with an optional port.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.:_\[\]-]+$`
	// +kubebuilder:validation:MaxLength=255
	Value string `json:"value,omitempty"`
}

// RequestPathType names a way to make a path.
//
// +kubebuilder:validation:Enum=URL;Forward;ReplacePrefix
type RequestPathType string

// The ways to make a path.
const (
	// PathURL is the path of the backend's address, exactly.
	PathURL RequestPathType = "URL"
	// PathForward appends the call's raw path to it.
	PathForward RequestPathType = "Forward"
	// PathReplacePrefix appends what follows the matched prefix to it.
	PathReplacePrefix RequestPathType = "ReplacePrefix"
)

// RequestPath says how the path is made. Under Forward and ReplacePrefix a call
// with a dot segment in its path is answered 400, since it would leave the base.
type RequestPath struct {
	// type is URL (default), Forward or ReplacePrefix.
	// +optional
	// +kubebuilder:default=URL
	Type RequestPathType `json:"type,omitempty"`
}

// RequestQueryType names a way to make a query.
//
// +kubebuilder:validation:Enum=Forward;Drop
type RequestQueryType string

// The ways to make a query.
const (
	QueryForward RequestQueryType = "Forward"
	QueryDrop    RequestQueryType = "Drop"
)

// RequestQuery says how the query is made: the call's raw query or none, then
// remove, then set.
type RequestQuery struct {
	// type is Forward (default) or Drop.
	// +optional
	// +kubebuilder:default=Forward
	Type RequestQueryType `json:"type,omitempty"`

	// remove are the names of parameters to take out. At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Remove []string `json:"remove,omitempty"`

	// set are parameters to put at the end, in place of any of the same name. At
	// most 32.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Set []NameValue `json:"set,omitempty"`
}

// RequestHeaders are rules for the fields: remove, then set.
type RequestHeaders struct {
	// remove are the fields to take out. At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Remove []HeaderName `json:"remove,omitempty"`

	// set are fields to put in, in place of any of the same name. At most 32.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Set []HeaderValue `json:"set,omitempty"`
}

// RequestBodyType names the body that is sent.
//
// +kubebuilder:validation:Enum=Forward;None
type RequestBodyType string

// The body that is sent.
const (
	BodyForward RequestBodyType = "Forward"
	BodyNone    RequestBodyType = "None"
)

// RequestBody says which body is sent.
type RequestBody struct {
	// type is Forward (default) or None, which drops the Content-* fields too.
	// +optional
	// +kubebuilder:default=Forward
	Type RequestBodyType `json:"type,omitempty"`
}

// RetryMethods names the calls that may be repeated.
//
// +kubebuilder:validation:Enum=Idempotent;IdempotencyKey;All
type RetryMethods string

// The calls that may be repeated.
const (
	// RetryIdempotent: GET, HEAD, OPTIONS, PUT and DELETE.
	RetryIdempotent RetryMethods = "Idempotent"
	// RetryIdempotencyKey: those, and any with an Idempotency-Key field.
	RetryIdempotencyKey RetryMethods = "IdempotencyKey"
	// RetryAll: every one; the backend must bear repeated writes.
	RetryAll RetryMethods = "All"
)

// Retry says when a failed attempt is repeated.
type Retry struct {
	// attempts is the number of attempts, the first included, 1 to 10. Default: 3.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	Attempts int32 `json:"attempts,omitempty"`

	// attemptTimeout bounds one attempt, 1ms to 10m. Default: the time left.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="backends.retry.attemptTimeout must be between 1ms and 10m"
	AttemptTimeout *Duration `json:"attemptTimeout,omitempty"`

	// methods are the calls that may be repeated once a byte of them was sent:
	// Idempotent (default), IdempotencyKey or All.
	// +optional
	// +kubebuilder:default=Idempotent
	Methods RetryMethods `json:"methods,omitempty"`

	// retryOn are the failures that are repeated: connect, tls, reset, timeout, or a
	// status from 400 to 599. Default: connect, 429, 502, 503, 504. At most 16.
	// +optional
	// +listType=set
	// +kubebuilder:default={"connect","429","502","503","504"}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=7
	// +kubebuilder:validation:items:Pattern=`^(connect|tls|reset|timeout|[45][0-9][0-9])$`
	RetryOn []string `json:"retryOn,omitempty"`

	// backoff is the wait before a repetition. A longer Retry-After is honoured;
	// one beyond the time left ends the repetitions.
	// +optional
	// +kubebuilder:default={}
	Backoff Backoff `json:"backoff,omitempty,omitzero"`
}

// Backoff is the wait before a repetition: random between nothing and initial,
// then twice that, up to max (full jitter).
type Backoff struct {
	// initial is the first bound, 0s to 1m. Default: 50ms.
	// +optional
	// +kubebuilder:default="50ms"
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('1m')",message="backends.retry.backoff.initial must be at most 1m"
	Initial Duration `json:"initial,omitempty"`

	// max is the last bound, 0s to 10m. Default: 1s.
	// +optional
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('10m')",message="backends.retry.backoff.max must be at most 10m"
	Max Duration `json:"max,omitempty"`
}

// BackendRateLimit is a limit on the calls that a proxy sends to a backend.
type BackendRateLimit struct {
	// requests is the number of calls in each span of per, 1 to 1000000; as many
	// may go at once after a quiet time.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Requests int32 `json:"requests,omitempty"`

	// per is the span of time for requests, 1ms to 24h. Default: 1s.
	// +optional
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('24h')",message="backends.rateLimit.per must be between 1ms and 24h"
	Per Duration `json:"per,omitempty"`
}

// BackendTLS says how a backend proves who it is.
//
// +kubebuilder:validation:XValidation:rule="has(self.caSecretName) || has(self.serverName)",message="backends.tls must have caSecretName or serverName"
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
}
