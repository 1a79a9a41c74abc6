package v1alpha1

// RateLimitScope says who counts together.
//
// +kubebuilder:validation:Enum=Replica;Route
type RateLimitScope string

// Who counts together.
const (
	// ScopeReplica makes each proxy count for itself.
	ScopeReplica RateLimitScope = "Replica"
	// ScopeRoute makes all proxies of the route count together, in its store.
	ScopeRoute RateLimitScope = "Route"
)

// OnStoreFailure says what becomes of calls while the store of a limit does not answer.
//
// +kubebuilder:validation:Enum=Allow;Deny;LocalShare
type OnStoreFailure string

// What becomes of calls while the store of a limit does not answer.
const (
	OnStoreFailureAllow      OnStoreFailure = "Allow"
	OnStoreFailureDeny       OnStoreFailure = "Deny"
	OnStoreFailureLocalShare OnStoreFailure = "LocalShare"
)

// RateLimitMode says what becomes of a call beyond a limit.
//
// +kubebuilder:validation:Enum=Enforce;Report
type RateLimitMode string

// What becomes of a call beyond a limit.
const (
	RateLimitEnforce RateLimitMode = "Enforce"
	RateLimitReport  RateLimitMode = "Report"
)

// RateLimitFields says what callers are told of a limit.
//
// +kubebuilder:validation:Enum=RateLimit;None
type RateLimitFields string

// What callers are told of a limit.
const (
	RateLimitFieldsSent RateLimitFields = "RateLimit"
	RateLimitFieldsNone RateLimitFields = "None"
)

// CallRateLimit is a limit on calls: a bucket of burst calls, refilled evenly.
//
// +kubebuilder:validation:XValidation:rule="!has(self.per) || duration(self.per) <= duration('24h') || (has(self.scope) && self.scope == 'Route')",message="rateLimits.per over 24h needs scope Route: what a proxy counts ends with it"
// +kubebuilder:validation:XValidation:rule="!has(self.onStoreFailure) || (has(self.scope) && self.scope == 'Route')",message="rateLimits.onStoreFailure applies only with scope Route"
type CallRateLimit struct {
	// name is shown in the response that refuses a call, and in the fields that tell of
	// the limit.
	// +required
	Name BackendName `json:"name,omitempty"`

	// requests is the number of calls admitted in each span of per, 1 to 1000000.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Requests int32 `json:"requests,omitempty"`

	// per is the span of time for requests, 1ms to 24h, with scope Route up to 744h: a
	// quota of a month. Default: 1s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('744h')",message="rateLimits.per must be between 1ms and 744h"
	Per Duration `json:"per,omitempty"`

	// burst is the number of calls admitted at once after a quiet time. Default:
	// the value of requests.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Burst *int32 `json:"burst,omitempty"`

	// key gives each of its values a bucket of its own. Default: one for all.
	// +optional
	Key *RateLimitKey `json:"key,omitempty"`

	// scope says who counts together: Replica (default), each proxy for itself, or Route,
	// all proxies of the route in spec.rateLimitStore.
	// +optional
	Scope RateLimitScope `json:"scope,omitempty"`

	// onStoreFailure says what becomes of calls while the store does not answer: Allow
	// admits them, Deny answers 503, LocalShare (default) has each proxy count for itself
	// up to the limit divided by the number of proxies.
	// +optional
	OnStoreFailure OnStoreFailure `json:"onStoreFailure,omitempty"`

	// mode is Enforce (default), which refuses calls beyond the limit, or Report, which
	// admits and counts them in fanout_rate_limited_calls_total.
	// +optional
	Mode RateLimitMode `json:"mode,omitempty"`

	// fields are those of responses that tell of the limit: RateLimit (default) for
	// RateLimit and RateLimit-Policy, with what is left, or None. A limit in mode Report is
	// never told of.
	// +optional
	Fields RateLimitFields `json:"fields,omitempty"`
}

// RateLimitKeyType is what tells callers apart.
//
// +kubebuilder:validation:Enum=Header;ClientIP;Caller;Expression
type RateLimitKeyType string

// What tells callers apart.
const (
	KeyHeader     RateLimitKeyType = "Header"
	KeyClientIP   RateLimitKeyType = "ClientIP"
	KeyCaller     RateLimitKeyType = "Caller"
	KeyExpression RateLimitKeyType = "Expression"
)

// RateLimitKey is what tells callers apart. A proxy counts at most 65536 values
// apart; those beyond share one bucket.
//
// +kubebuilder:validation:XValidation:rule="(!has(self.type) || self.type == 'Header') == has(self.header)",message="rateLimits.key.header goes with type Header, and must be set there"
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'Expression') == has(self.expression)",message="rateLimits.key.expression goes with type Expression, and must be set there"
type RateLimitKey struct {
	// type is Header (default), ClientIP, Caller (the name of who calls, by
	// spec.authentication) or Expression. An IPv6 client counts by its /64.
	// Limits by ClientIP are checked before authentication, those by another key after.
	// +optional
	Type RateLimitKeyType `json:"type,omitempty"`

	// header is the field whose first value is the key. Calls without it share
	// one bucket.
	// +optional
	Header HeaderName `json:"header,omitempty"`

	// expression yields the key, a string, a number or a bool, or null for a call that the
	// limit is not for. It cannot read request.body, since limits come before that is
	// read. Calls for which it fails share one bucket.
	// +optional
	Expression Expression `json:"expression,omitempty"`
}

// OnLimit says what becomes of a request beyond a backend's limit.
//
// +kubebuilder:validation:Enum=Reject;Wait
type OnLimit string

// What becomes of a request beyond a backend's limit.
const (
	OnLimitReject OnLimit = "Reject"
	OnLimitWait   OnLimit = "Wait"
)

// BackendRateLimit is a limit on the requests that are sent to a backend.
//
// +kubebuilder:validation:XValidation:rule="!has(self.per) || duration(self.per) <= duration('24h') || (has(self.scope) && self.scope == 'Route')",message="backends.rateLimit.per over 24h needs scope Route: what a proxy counts ends with it"
// +kubebuilder:validation:XValidation:rule="!has(self.onStoreFailure) || (has(self.scope) && self.scope == 'Route')",message="backends.rateLimit.onStoreFailure applies only with scope Route"
type BackendRateLimit struct {
	// requests is the number of requests in each span of per, 1 to 1000000; as many
	// may go at once after a quiet time.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Requests int32 `json:"requests,omitempty"`

	// per is the span of time for requests, 1ms to 24h, with scope Route up to 744h.
	// Default: 1s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('744h')",message="backends.rateLimit.per must be between 1ms and 744h"
	Per Duration `json:"per,omitempty"`

	// onLimit is Reject (default) or Wait: a call beyond the limit, and a retry, waits for
	// its turn within the backend's timeout, first come, first served, and is rejected at
	// once where that is later. It has its slot of maxConcurrentRequests meanwhile. Hedges
	// never wait.
	// +optional
	OnLimit OnLimit `json:"onLimit,omitempty"`

	// scope says who counts together: Replica (default), each proxy for itself, or Route,
	// all proxies of the route in spec.rateLimitStore.
	// +optional
	Scope RateLimitScope `json:"scope,omitempty"`

	// onStoreFailure says what becomes of requests while the store does not answer: Allow
	// sends them, Deny rejects them, LocalShare (default) has each proxy count for itself
	// up to the limit divided by the number of proxies.
	// +optional
	OnStoreFailure OnStoreFailure `json:"onStoreFailure,omitempty"`
}
