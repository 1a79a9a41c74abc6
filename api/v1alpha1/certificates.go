package v1alpha1

// CallerCertificate admits callers by certificates for clients that an authority has signed. A
// client is asked for one, and may go without where another way admits it. The caller's name
// is the certificate's first URI, else its first DNS name, else its common name. Lists of
// revoked ones are not looked at.
type CallerCertificate struct {
	// caSecretName is the Secret whose ca.crt has the authorities. One that is taken away
	// admits nobody any more, on connections that are there, too.
	// +required
	CASecretName SecretName `json:"caSecretName,omitempty"`

	// subjects are the names that admit. At most 64. Default: all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Subjects []CertificateSubject `json:"subjects,omitempty"`
}

// SubjectType says which name of a certificate it is.
//
// +kubebuilder:validation:Enum=URI;DNS;CommonName
type SubjectType string

// The names of a certificate.
const (
	SubjectURI        SubjectType = "URI"
	SubjectDNS        SubjectType = "DNS"
	SubjectCommonName SubjectType = "CommonName"
)

// CertificateSubject is a name by which a caller is known.
type CertificateSubject struct {
	// type is URI, DNS or CommonName.
	// +required
	Type SubjectType `json:"type,omitempty"`

	// value is the name, character by character, such as spiffe://example.com/till.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Value string `json:"value,omitempty"`
}
