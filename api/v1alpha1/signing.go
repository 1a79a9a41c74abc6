package v1alpha1

// StandardWebhooks signs each request by Standard Webhooks: Webhook-Id, which is the same
// for all attempts of a call, Webhook-Timestamp and Webhook-Signature. A Webhook-Id that
// request.headers.set yields is taken; otherwise it is random.
type StandardWebhooks struct {
	// secretName is the Secret whose key secret holds the key: whsec_ and base64, as the
	// receiver has it; of two lines both sign, while one takes the other's place.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`
}

// HMACAlgorithm is the hash of an HMAC.
//
// +kubebuilder:validation:Enum=SHA256;SHA512
type HMACAlgorithm string

// The hashes of an HMAC.
const (
	HMACSHA256 HMACAlgorithm = "SHA256"
	HMACSHA512 HMACAlgorithm = "SHA512"
)

// HMACEncoding is how the bytes of a signature are written.
//
// +kubebuilder:validation:Enum=Hex;Base64
type HMACEncoding string

// The ways to write a signature.
const (
	HMACHex    HMACEncoding = "Hex"
	HMACBase64 HMACEncoding = "Base64"
)

// HMAC signs the body of each request with a key that the receiver has, too (RFC 2104).
//
// +kubebuilder:validation:XValidation:rule="!(self.header.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'te', 'upgrade', 'trailer', 'via'])",message="backends.authentication.hmac.header must not name Host, Content-Length, Transfer-Encoding, Connection, TE, Upgrade, Trailer or Via"
// +kubebuilder:validation:XValidation:rule="!has(self.time) || !has(self.time.header) || self.time.header.lowerAscii() != self.header.lowerAscii()",message="backends.authentication.hmac.time.header must not be hmac.header: without it the time stands there"
type HMAC struct {
	// secretName is the Secret's name.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`

	// key is the key within the Secret. Its value is the signing key, byte for byte, without
	// one line end behind it. Where time stands beside the signature, it may have two
	// lines, each a key, and both sign.
	// +required
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!(self in ['allowedHosts', 'allowedTokenHosts'])",message="backends.authentication.hmac.key must not be allowedHosts or allowedTokenHosts, which are reserved"
	Key string `json:"key,omitempty"`

	// header is the field that carries the signature, such as X-Hub-Signature-256.
	// +required
	Header HeaderName `json:"header,omitempty"`

	// algorithm is SHA256 (default) or SHA512.
	// +optional
	Algorithm HMACAlgorithm `json:"algorithm,omitempty"`

	// encoding is Hex (default, in lower case) or Base64.
	// +optional
	Encoding HMACEncoding `json:"encoding,omitempty"`

	// prefix stands before the signature, such as sha256=. Default: nothing.
	// +optional
	// +kubebuilder:validation:Pattern=`^[!-~]*$`
	// +kubebuilder:validation:MaxLength=64
	Prefix string `json:"prefix,omitempty"`

	// time has that of the attempt signed before the body. Default: the body alone
	// is signed.
	// +optional
	Time *HMACTime `json:"time,omitempty,omitzero"`
}

// HMACTime is the time of an attempt, in seconds since 1970, and where it stands.
type HMACTime struct {
	// header is a field of its own that carries it. Default: the field of the signature, in
	// which it is the first item of a list.
	// +optional
	Header HeaderName `json:"header,omitempty"`

	// prefix stands before it in its field, such as t=. Default: nothing.
	// +optional
	// +kubebuilder:validation:Pattern=`^[!-~]*$`
	// +kubebuilder:validation:MaxLength=64
	Prefix string `json:"prefix,omitempty"`

	// signedPrefix stands before it in what is signed, such as v0:. Default: nothing.
	// +optional
	// +kubebuilder:validation:Pattern=`^[!-~]*$`
	// +kubebuilder:validation:MaxLength=64
	SignedPrefix string `json:"signedPrefix,omitempty"`

	// separator stands between it and the body in what is signed. Default: a dot.
	// +optional
	// +kubebuilder:validation:Pattern=`^[!-/:-~]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Separator string `json:"separator,omitempty"`
}

// AWSSigV4 signs each request by AWS Signature Version 4. Signed are the Host, the body,
// Content-Type, Content-MD5 and fields that begin with X-Amz-.
type AWSSigV4 struct {
	// secretName is the Secret with aws_access_key_id, aws_secret_access_key and, for a key
	// of a session, aws_session_token.
	// +required
	SecretName SecretName `json:"secretName,omitempty"`

	// region is the region that the key signs for, such as eu-central-1.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z0-9-]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Region string `json:"region,omitempty"`

	// service is the service by its signing name, such as execute-api, lambda, es or s3.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z0-9-]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Service string `json:"service,omitempty"`
}
