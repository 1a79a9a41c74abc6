package v1alpha1

// Dispatch says when a call is decided, and what becomes of backends that still
// work then.
type Dispatch struct {
	// successPolicy says what makes the whole call a success. Default: All.
	// +optional
	// +kubebuilder:default={type: "All"}
	SuccessPolicy SuccessPolicy `json:"successPolicy,omitempty,omitzero"`

	// timeout bounds a call from the arrival of its body; backends still waited
	// for then have failed with reason timeout. 1ms to 10m. Default: 5s.
	// +optional
	// +kubebuilder:default="5s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="dispatch.timeout must be between 1ms and 10m"
	Timeout Duration `json:"timeout,omitempty"`

	// stragglers says what becomes of backends that still work when the call is
	// decided. Default: Auto.
	// +optional
	// +kubebuilder:default=Auto
	Stragglers Stragglers `json:"stragglers,omitempty"`

	// maxInFlight is the number of calls that a proxy has under way for this route
	// at once, 1 to 65536; one more is answered 503. Default: 1024.
	// +optional
	// +kubebuilder:default=1024
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	MaxInFlight int32 `json:"maxInFlight,omitempty"`
}

// Stragglers says what becomes of backends that still work when the call is
// decided.
//
// +kubebuilder:validation:Enum=Auto;Cancel;Finish;Wait
type Stragglers string

// What becomes of backends that still work when the call is decided.
const (
	// StragglersAuto cancels for safe methods and finishes otherwise: a write cut
	// in half is worse than a late one.
	StragglersAuto Stragglers = "Auto"
	// StragglersCancel cancels them.
	StragglersCancel Stragglers = "Cancel"
	// StragglersFinish lets them end after the response, even if the client leaves.
	StragglersFinish Stragglers = "Finish"
	// StragglersWait keeps the response until all have ended, within the timeout.
	StragglersWait Stragglers = "Wait"
)

// SuccessPolicyType names a success policy.
//
// +kubebuilder:validation:Enum=All;Any;Quorum;Required;BestEffort
type SuccessPolicyType string

// The success policies.
const (
	// PolicyAll: every backend succeeds.
	PolicyAll SuccessPolicyType = "All"
	// PolicyAny: the first success decides; a failure never beats a later success.
	PolicyAny SuccessPolicyType = "Any"
	// PolicyQuorum: a number of backends succeeds.
	PolicyQuorum SuccessPolicyType = "Quorum"
	// PolicyRequired: the named backends succeed; the others are waited for.
	PolicyRequired SuccessPolicyType = "Required"
	// PolicyBestEffort: at least one succeeds; all are waited for.
	PolicyBestEffort SuccessPolicyType = "BestEffort"
)

// SuccessPolicy says what makes the whole call a success.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Quorum') == has(self.quorum)",message="dispatch.successPolicy.quorum goes with type Quorum, and must be set there"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Required') == has(self.required)",message="dispatch.successPolicy.required goes with type Required, and must be set there"
type SuccessPolicy struct {
	// type is All (default), Any, Quorum, Required or BestEffort.
	// +optional
	// +kubebuilder:default=All
	Type SuccessPolicyType `json:"type,omitempty"`

	// quorum goes with type Quorum.
	// +optional
	Quorum *Quorum `json:"quorum,omitempty"`

	// required goes with type Required.
	// +optional
	Required *Required `json:"required,omitempty"`
}

// Quorum asks for a number of successes.
type Quorum struct {
	// count is the number of backends that must succeed, 1 to the number of
	// backends.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32
	Count int32 `json:"count,omitempty"`
}

// Required asks for the success of certain backends.
type Required struct {
	// backends are the names of those that must succeed.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Backends []BackendName `json:"backends,omitempty"`
}
