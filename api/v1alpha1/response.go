package v1alpha1

// ResponseType names a way to make one response of many answers.
//
// +kubebuilder:validation:Enum=Envelope;Merge;Group;First;Primary
type ResponseType string

// The ways to make one response of many answers.
const (
	// ResponseEnvelope: an object with outcome, status and body of each backend.
	ResponseEnvelope ResponseType = "Envelope"
	// ResponseMerge: the deep merge of the backends' JSON objects.
	ResponseMerge ResponseType = "Merge"
	// ResponseGroup: an object with each backend's body under its name.
	ResponseGroup ResponseType = "Group"
	// ResponseFirst: the deciding answer under Any, else the first success in the
	// order of the spec.
	ResponseFirst ResponseType = "First"
	// ResponsePrimary: the response of one backend.
	ResponsePrimary ResponseType = "Primary"
)

// Response says how the backends' answers become one response.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Primary') == has(self.primary)",message="response.primary goes with type Primary, and must be set there"
// +kubebuilder:validation:XValidation:rule="self.type == 'Merge' || !has(self.merge)",message="response.merge goes with type Merge"
// +kubebuilder:validation:XValidation:rule="!has(self.headersFromBackends) || !(self.type in ['First', 'Primary'])",message="response.headersFromBackends goes with types Envelope, Merge and Group; First and Primary pass all headers"
// +kubebuilder:validation:XValidation:rule="!has(self.partialStatusCode) || !(self.type in ['First', 'Primary'])",message="response.partialStatusCode goes with types Envelope, Merge and Group; First and Primary have the backend's own status"
// +kubebuilder:validation:XValidation:rule="!has(self.stream) || has(self.type) && self.type in ['First', 'Primary']",message="response.stream applies only with response.type First or Primary: other responses are made of several"
type Response struct {
	// type is Envelope (default), Merge, Group, First or Primary.
	// +optional
	// +kubebuilder:default=Envelope
	Type ResponseType `json:"type,omitempty"`

	// merge goes with type Merge.
	// +optional
	Merge *Merge `json:"merge,omitempty"`

	// primary goes with type Primary.
	// +optional
	Primary *Primary `json:"primary,omitempty"`

	// headersFromBackends are fields of succeeded backends that the response
	// carries, in the order of the spec, repeated ones kept. Digests and signatures
	// of a body by the names of vendors (X-Goog-Hash, X-Hub-Signature) do not pass.
	// At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(h, !(h.lowerAscii() in ['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'te', 'upgrade', 'transfer-encoding', 'date', 'trailer', 'etag', 'last-modified', 'accept-ranges', 'digest', 'repr-digest', 'signature', 'signature-input', 'location']) && !h.lowerAscii().startsWith('content-') && !h.lowerAscii().startsWith('fanout-'))",message="response.headersFromBackends must not name hop-by-hop fields, Content-*, Transfer-Encoding, Date, Trailer, ETag, Last-Modified, Accept-Ranges, Digest, Repr-Digest, Signature, Signature-Input, Location or Fanout-*: they speak about one body, and the response has another"
	HeadersFromBackends []HeaderName `json:"headersFromBackends,omitempty"`

	// partialStatusCode is the status when the policy Required or BestEffort is met
	// although a backend failed, 200 to 299. Default: 207 for Envelope, 200 for
	// Merge and Group.
	// +optional
	// +kubebuilder:validation:Minimum=200
	// +kubebuilder:validation:Maximum=299
	// +kubebuilder:validation:XValidation:rule="!(self in [204, 205])",message="response.partialStatusCode must not be 204 or 205: they forbid a body"
	PartialStatusCode *int32 `json:"partialStatusCode,omitempty"`

	// stream goes with types First and Primary, whose response is passed on while it
	// comes.
	// +optional
	Stream *Stream `json:"stream,omitempty"`

	// diagnostics is what clients see of the backends outside the body: Full
	// (default), Outcome or None.
	// +optional
	// +kubebuilder:default=Full
	Diagnostics Diagnostics `json:"diagnostics,omitempty"`
}

// Stream is how a response is passed on while it comes: server-sent events and other
// bodies without a length are flushed with each piece, and a slow client slows the
// backend down. An answer counts at its head; when its body breaks later, the client's
// breaks too, and statistics have a failure.
type Stream struct {
	// idleTimeout is how long the backend may be silent, 1ms to 24h; dispatch.timeout
	// and the backend's own hold until the head. Default: 60s.
	// +optional
	// +kubebuilder:default="60s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('24h')",message="response.stream.idleTimeout must be between 1ms and 24h"
	IdleTimeout Duration `json:"idleTimeout,omitempty"`
}

// Diagnostics is what clients see of the backends.
//
// +kubebuilder:validation:Enum=Full;Outcome;None
type Diagnostics string

// What clients see of the backends.
const (
	// DiagnosticsFull: Fanout-Outcome and Fanout-Backends, and the backends in a
	// problem's body.
	DiagnosticsFull Diagnostics = "Full"
	// DiagnosticsOutcome: Fanout-Outcome alone.
	DiagnosticsOutcome Diagnostics = "Outcome"
	// DiagnosticsNone: neither.
	DiagnosticsNone Diagnostics = "None"
)

// Merge says what becomes of values that two backends both have.
type Merge struct {
	// onConflict is what becomes of different values under one key: First (default)
	// and Last in the order of the spec, Collect for an array of all, Error for a
	// 502 that names the key.
	// +optional
	// +kubebuilder:default=First
	OnConflict MergeConflict `json:"onConflict,omitempty"`

	// arrays is what becomes of two arrays under one key: Append (default) in the
	// order of the spec, Unique for the same without repeated values, Replace for
	// the last one.
	// +optional
	// +kubebuilder:default=Append
	Arrays MergeArrays `json:"arrays,omitempty"`
}

// MergeConflict is what becomes of different values under one key.
//
// +kubebuilder:validation:Enum=First;Last;Collect;Error
type MergeConflict string

// What becomes of different values under one key.
const (
	ConflictFirst   MergeConflict = "First"
	ConflictLast    MergeConflict = "Last"
	ConflictCollect MergeConflict = "Collect"
	ConflictError   MergeConflict = "Error"
)

// MergeArrays is what becomes of two arrays under one key.
//
// +kubebuilder:validation:Enum=Append;Unique;Replace
type MergeArrays string

// What becomes of two arrays under one key.
const (
	ArraysAppend  MergeArrays = "Append"
	ArraysUnique  MergeArrays = "Unique"
	ArraysReplace MergeArrays = "Replace"
)

// Primary names the backend whose response the client gets.
type Primary struct {
	// backend is its name. It is required, whatever the success policy says.
	// +required
	Backend BackendName `json:"backend,omitempty"`
}
