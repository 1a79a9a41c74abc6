package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Validation says which calls are well formed.
type Validation struct {
	// maxBodySize is the largest body taken, in bytes, up to 64Mi; a larger one is
	// answered 413. Default: 1Mi.
	// +optional
	// +kubebuilder:default="1Mi"
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(self) && quantity(self).compareTo(quantity('0')) >= 0 && quantity(self).compareTo(quantity('64Mi')) <= 0",message="validation.maxBodySize must be between 0 and 64Mi, such as 512Ki; numbers without unit are bytes, in quotes"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(self) || !quantity(self).isGreaterThan(quantity('0')) || quantity(self).isGreaterThan(quantity('64Mi')) || [quantity(self).asApproximateFloat()].all(b, b - double(int(b + 0.0000005)) < 0.0000005)",message="validation.maxBodySize must be a whole number of bytes, and m is a thousandth: 10m is 0.01 bytes; write 10Mi"
	MaxBodySize *resource.Quantity `json:"maxBodySize,omitempty"`

	// bodyTimeout is the time in which the body must arrive, else the call is
	// answered 408. 1ms to 10m. Default: 30s.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="validation.bodyTimeout must be between 1ms and 10m"
	BodyTimeout Duration `json:"bodyTimeout,omitempty"`

	// contentTypes are the media types that a body may have, without parameters;
	// another one is answered 415. Default: any. At most 16.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=127
	// +kubebuilder:validation:XValidation:rule="self.all(t, t.matches('^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$'))",message="validation.contentTypes must be media types such as application/json, without parameters"
	ContentTypes []string `json:"contentTypes,omitempty"`

	// mode is Enforce (default), which refuses what openAPI, jsonSchema and rules do not admit, or
	// Report, which lets it pass and counts it in metrics and status.reported. The size, time
	// and media type of bodies hold in both.
	// +optional
	Mode ValidationMode `json:"mode,omitempty"`

	// jsonSchema is what bodies are held against; one that it does not admit is answered
	// 422, with the place of each fault, and one that is no JSON 400, whatever its media
	// type. A call without a body passes where its method calls for none, such as GET.
	// Default: none.
	// +optional
	JSONSchema *JSONSchema `json:"jsonSchema,omitempty"`

	// openAPI is the document that calls are held against: their operation, by method and
	// path, its parameters, else they are answered 400, and its body, else 415 or 422. It
	// comes before jsonSchema. Default: none.
	// +optional
	OpenAPI *OpenAPI `json:"openAPI,omitempty"`

	// rules are what calls must meet, else they are answered 422 with the messages of those
	// that they do not. They come after jsonSchema. At most 16.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Rules []ValidationRule `json:"rules,omitempty"`
}

// UnknownOperations says what becomes of calls that an OpenAPI document does not describe.
//
// +kubebuilder:validation:Enum=Refuse;Pass
type UnknownOperations string

// What becomes of calls that an OpenAPI document does not describe.
const (
	UnknownOperationsRefuse UnknownOperations = "Refuse"
	UnknownOperationsPass   UnknownOperations = "Pass"
)

// OpenAPI is an OpenAPI document of version 3.0 or 3.1, in YAML or JSON, of at most 1 MiB and
// 1000 operations. It stands alone: nothing that it refers to is read from anywhere else, and
// security is not looked at.
type OpenAPI struct {
	// configMapKeyRef is the document in a ConfigMap. What is wrong with it is told in
	// ResolvedRefs, and the last good one stays in use; while there is none, calls are
	// answered 503.
	// +required
	ConfigMapKeyRef ConfigMapKeyReference `json:"configMapKeyRef,omitempty,omitzero"`

	// unknownOperations is Refuse (default), which answers calls that the document does not
	// describe 404, or Pass.
	// +optional
	UnknownOperations UnknownOperations `json:"unknownOperations,omitempty"`
}

// ValidationMode says what becomes of calls that are not valid.
//
// +kubebuilder:validation:Enum=Enforce;Report
type ValidationMode string

// What becomes of calls that are not valid.
const (
	ValidationEnforce ValidationMode = "Enforce"
	ValidationReport  ValidationMode = "Report"
)

// ValidationRule is a condition on calls.
type ValidationRule struct {
	// name tells rules apart, in refusals, metrics and status.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// expression yields true for a valid call. One that cannot be evaluated is not met.
	// +required
	Expression Expression `json:"expression,omitempty"`

	// message is what the caller reads where the rule is not met.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// JSONSchema is a JSON Schema of draft 4, 6, 7, 2019-09 or 2020-12 (default), by its own
// $schema, in JSON. It stands alone: nothing that it refers to is read from anywhere else.
// Numbers are judged exactly, patterns are RE2. It is nested 128 deep at most.
//
// +kubebuilder:validation:XValidation:rule="has(self.inline) != has(self.configMapKeyRef)",message="validation.jsonSchema must have exactly one of inline and configMapKeyRef"
type JSONSchema struct {
	// inline is the schema itself, of at most 65536 characters. What is wrong with it is
	// told in Accepted, by line and column.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	Inline string `json:"inline,omitempty"`

	// configMapKeyRef is the schema in a ConfigMap, of at most 256 KiB. What is wrong with it
	// is told in ResolvedRefs, and the last good one stays in use; while there is none, calls
	// are answered 503.
	// +optional
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`
}
