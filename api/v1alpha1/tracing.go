package v1alpha1

// TracingProtocol is how spans are sent.
//
// +kubebuilder:validation:Enum=HTTP;GRPC
type TracingProtocol string

// How spans are sent: OTLP, in Protobuf.
const (
	// TracingHTTP is OTLP over HTTP: a POST to the path /v1/traces below otlpEndpoint.
	TracingHTTP TracingProtocol = "HTTP"
	// TracingGRPC is OTLP over gRPC: with an http endpoint in plain HTTP/2.
	TracingGRPC TracingProtocol = "GRPC"
)

// Tracing says which calls are told of by spans (OpenTelemetry), and whom: one span a call,
// and one an attempt. No span holds a path, a query, a field, a body or a caller.
//
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'GRPC' || self.otlpEndpoint.matches('^https?://[^/]+/?$')",message="proxy.tracing.otlpEndpoint must have no path with protocol GRPC, which has its own"
// +kubebuilder:validation:XValidation:rule="!has(self.caSecretName) || self.otlpEndpoint.startsWith('https://')",message="proxy.tracing.caSecretName goes with an https otlpEndpoint"
// +kubebuilder:validation:XValidation:rule="!has(self.headersSecretName) || self.otlpEndpoint.matches('^(https://|http://(localhost|127[.][0-9.]+|\\\\[::1\\\\]|[a-z0-9.-]+[.]svc)(:[0-9]+)?(/|$))')",message="proxy.tracing.otlpEndpoint must be https:// with headersSecretName; http:// only for loopback and .svc hosts"
type Tracing struct {
	// otlpEndpoint is where spans are sent: http:// or https:// with a host, whose
	// certificate is of a public authority unless caSecretName names others. The port is 80 or 443 where none is written;
	// collectors have 4318 for HTTP and 4317 for GRPC by custom. With protocol HTTP the path
	// /v1/traces is added to it. A host is what that of a backend's url may be.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[A-Za-z0-9.:_\\\\[\\\\]-]+(/[!-~]*)?$') && isURL(self) && !self.contains('?') && !self.contains('#')",message="proxy.tracing.otlpEndpoint must be http:// or https:// with a host, an optional port and path, and without user, query and fragment"
	OTLPEndpoint string `json:"otlpEndpoint,omitempty"`

	// protocol is HTTP (default) or GRPC.
	// +optional
	// +kubebuilder:default=HTTP
	Protocol TracingProtocol `json:"protocol,omitempty"`

	// samplePercent is the share of the calls that are recorded, 0 to 100, of those that
	// come without a traceparent: with one, its flag decides. Default: 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	SamplePercent *int32 `json:"samplePercent,omitempty"`

	// caSecretName is the Secret whose ca.crt holds the authorities to believe, instead of the
	// public ones. Default: none.
	// +optional
	CASecretName SecretName `json:"caSecretName,omitempty"`

	// headersSecretName is the Secret whose keys are names of fields that the collector is
	// shown, with the values that they have. It may have the key allowedHosts. What is
	// rotated holds from the next request on. Default: none.
	// +optional
	HeadersSecretName SecretName `json:"headersSecretName,omitempty"`
}
