package v1alpha1

// ShadowComparison is what of a shadow's answer is compared.
//
// +kubebuilder:validation:Enum=None;Outcome;Body
type ShadowComparison string

// What of a shadow's answer is compared.
const (
	CompareNone ShadowComparison = "None"
	// CompareOutcome: outcome and status.
	CompareOutcome ShadowComparison = "Outcome"
	// CompareBody: those, and the body: JSON by value, another one by its bytes.
	CompareBody ShadowComparison = "Body"
)

// JSONPointer names a place in JSON (RFC 6901); a segment of * stands for any.
//
// +kubebuilder:validation:Pattern=`^(/([^/~]|~[01])*)+$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
type JSONPointer string

// Shadow makes a backend a shadow: it gets a share of the calls, its answer never
// counts and never delays the response, and it goes on when the client has left. It has
// its own room of maxInFlight calls.
//
// +kubebuilder:validation:XValidation:rule="!has(self.ignoredPaths) || has(self.compare) && self.compare == 'Body'",message="backends.shadow.ignoredPaths applies only with compare Body"
type Shadow struct {
	// percent is the share of the calls that are sent here too, 1 to 100. Default: 100.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Percent int32 `json:"percent,omitempty"`

	// compare is what of the answer is compared with that of reference: None (default),
	// Outcome or Body. Differences are counted, and one a second is logged, without
	// bodies.
	// +optional
	Compare ShadowComparison `json:"compare,omitempty"`

	// reference is the backend to compare with, no shadow itself. Default: the primary,
	// or the first of the others in the order of the spec.
	// +optional
	Reference BackendName `json:"reference,omitempty"`

	// ignoredPaths are places in the body that may differ. At most 32.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	IgnoredPaths []JSONPointer `json:"ignoredPaths,omitempty"`
}
