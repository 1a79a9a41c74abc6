package v1alpha1

// Hedge says when a backend that is late is asked once more, while the first attempt
// goes on; the first success counts and the other attempt is canceled. Only calls are
// hedged that may be repeated: see retry.methods, whose default holds without retry.
//
// +kubebuilder:validation:XValidation:rule="has(self.delay) != has(self.percentile)",message="backends.hedge must have either delay or percentile"
type Hedge struct {
	// delay is how long an attempt may take before it is hedged, 1ms to 10m.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="backends.hedge.delay must be between 1ms and 10m"
	Delay *Duration `json:"delay,omitempty"`

	// percentile is the same as a percentile of what attempts took in the last one to
	// two minutes, 50 to 99. Nothing is hedged before there were 100 / (100 -
	// percentile) of them.
	// +optional
	// +kubebuilder:validation:Minimum=50
	// +kubebuilder:validation:Maximum=99
	Percentile *int32 `json:"percentile,omitempty"`

	// max is the number of hedges of one attempt, each after another delay, 1 to 3.
	// Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3
	Max int32 `json:"max,omitempty"`

	// budgetPercent bounds hedges to a share of the calls of the last 10 s, 0 to 100;
	// one hedge a second is always within it. Default: 10.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	BudgetPercent *int32 `json:"budgetPercent,omitempty"`
}

// CircuitBreaker says when a backend is not asked any more. What counts as a failure is
// a timeout, connect, tls, reset or credential, a status of 5xx or 429, and an answer
// that was slowerThan: what a caller did wrong opens no breaker. Each proxy has its own.
type CircuitBreaker struct {
	// failurePercent opens the circuit when as many of the answers within window are
	// failures, 1 to 100. Default: 50.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	FailurePercent int32 `json:"failurePercent,omitempty"`

	// minimumRequests is the number of answers within window below which the circuit
	// stays closed, 1 to 100000. Default: 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MinimumRequests int32 `json:"minimumRequests,omitempty"`

	// window is the span of time that counts, 1s to 1h, in ten parts. Default: 30s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="backends.circuitBreaker.window must be between 1s and 1h"
	Window Duration `json:"window,omitempty"`

	// openFor is how long calls are rejected with reason circuitOpen before some may
	// probe the backend, 1ms to 1h. Default: 10s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('1h')",message="backends.circuitBreaker.openFor must be between 1ms and 1h"
	OpenFor Duration `json:"openFor,omitempty"`

	// halfOpenRequests is the number of calls that probe the backend then, 1 to 100.
	// When all have succeeded the circuit closes; the first failure opens it again.
	// Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	HalfOpenRequests int32 `json:"halfOpenRequests,omitempty"`

	// slowerThan makes an answer that took longer count as a failure, even a success,
	// or one that was canceled by then, 1ms to 10m. Default: none does.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="backends.circuitBreaker.slowerThan must be between 1ms and 10m"
	SlowerThan *Duration `json:"slowerThan,omitempty"`
}
