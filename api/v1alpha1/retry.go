package v1alpha1

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
	Methods RetryMethods `json:"methods,omitempty"`

	// retryOn are the failures that are repeated: connect, tls, reset, timeout, or a
	// status from 400 to 599. Default: connect, 429, 502, 503, 504. At most 16.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=7
	// +kubebuilder:validation:items:Pattern=`^(connect|tls|reset|timeout|[45][0-9][0-9])$`
	RetryOn []string `json:"retryOn,omitempty"`

	// backoff is the wait before a repetition. A longer Retry-After is honoured;
	// one beyond the time left ends the repetitions.
	// +optional
	Backoff Backoff `json:"backoff,omitempty,omitzero"`

	// budgetPercent bounds repetitions to a share of the calls of the last 10 s, 0 to
	// 100, so that a backend in trouble does not get a multiple of its load; one
	// repetition a second is always within it. Default: 20.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	BudgetPercent *int32 `json:"budgetPercent,omitempty"`
}

// Backoff is the wait before a repetition: random between nothing and initial,
// then twice that, up to max (full jitter).
type Backoff struct {
	// initial is the first bound, 0s to 1m. Default: 50ms.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('1m')",message="backends.retry.backoff.initial must be at most 1m"
	Initial Duration `json:"initial,omitempty"`

	// max is the last bound, 0s to 10m. Default: 1s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('10m')",message="backends.retry.backoff.max must be at most 10m"
	Max Duration `json:"max,omitempty"`
}
