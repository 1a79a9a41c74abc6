package v1alpha1

// Authorization says what callers may do.
type Authorization struct {
	// rules must all be true of a call, which is else answered 403 with the message of the
	// first that is not. They are looked at once the caller is known: those that do not read
	// request.body before the body is read, the others after that. 1 to 16.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Rules []AuthorizationRule `json:"rules,omitempty"`
}

// AuthorizationRule is a condition of every call.
type AuthorizationRule struct {
	// expression yields a bool. One that fails is not true, as where it reads a claim that a
	// token does not have.
	// +required
	Expression Expression `json:"expression,omitempty"`

	// message is what a caller is told whose call the rule refuses.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}
