package v1alpha1

// ConfigMapKeyReference is a key of a ConfigMap in the route's own namespace. Proxies read
// it from a volume: a ConfigMap that changes is used without a restart, and one that goes
// missing or breaks leaves what was there before in use, which ResolvedRefs tells. The keys
// of an issuer are in use no more when they go missing.
type ConfigMapKeyReference struct {
	// name is the ConfigMap's name.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key is the key within the ConfigMap, in data or binaryData.
	// +required
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}
