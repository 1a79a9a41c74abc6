package routeconfig

import (
	"errors"
	"fmt"
	"strings"
)

// The types of a credential, each named as the field of the spec that it comes from.
const (
	CredentialOAuth2           = "oauth2"
	CredentialAPIKey           = "apiKey"
	CredentialBasic            = "basic"
	CredentialBearer           = "bearer"
	CredentialStandardWebhooks = "standardWebhooks"
	CredentialHMAC             = "hmac"
	CredentialAWSSigV4         = "awsSigV4"
	CredentialWorkloadIdentity = "workloadIdentity"
)

// Credential says how a backend is shown who calls: the name of a Secret and
// what to make of it, never a secret value.
type Credential struct {
	Type string `json:"type"`
	// Secret is empty where nothing but the token of Audience is shown.
	Secret string `json:"secret,omitempty"`
	// Audience is that of the service account's token which is shown to the backend or to the
	// token endpoint; empty for none.
	Audience string `json:"audience,omitempty"`
	// Key and Header are for CredentialAPIKey and CredentialHMAC, Query for the former, where
	// it is in place of Header.
	Key    string `json:"key,omitempty"`
	Header string `json:"header,omitempty"`
	Query  string `json:"query,omitempty"`
	// HMAC is for CredentialHMAC, AWS for CredentialAWSSigV4.
	HMAC *HMAC `json:"hmac,omitempty"`
	AWS  *AWS  `json:"aws,omitempty"`
	// The rest is for CredentialOAuth2. Post sends client_id and client_secret in
	// the form instead of the Authorization header.
	TokenURL string   `json:"tokenURL,omitempty"`
	Scopes   []string `json:"scopes,omitempty"`
	Post     bool     `json:"post,omitempty"`
	// Assertion is the audience of a JWT that the client signs in place of showing a secret;
	// empty for none.
	Assertion string `json:"assertion,omitempty"`
	// Federated sends the token of Audience in place of that JWT. Public proves nothing of the
	// client.
	Federated bool `json:"federated,omitempty"`
	Public    bool `json:"public,omitempty"`
	// Exchange is nil where the client asks for itself.
	Exchange *Exchange `json:"exchange,omitempty"`
	// TokenTLS is that of the token endpoint. A client that shows a certificate there shows no
	// secret.
	TokenTLS *TLS `json:"tokenTLS,omitempty"`
	// Parameters may have several values of one name.
	Parameters []NameValue `json:"parameters,omitempty"`
}

// HMAC says how a signature is made and written.
type HMAC struct {
	// Algorithm is AlgorithmSHA256 or AlgorithmSHA512, Encoding EncodingHex or EncodingBase64.
	Algorithm string `json:"algorithm"`
	Encoding  string `json:"encoding"`
	Prefix    string `json:"prefix,omitempty"`
	// Timestamp is nil where the body alone is signed.
	Timestamp *HMACTimestamp `json:"timestamp,omitempty"`
}

// HMACTimestamp says where a time stands: in Header, or before the signature in its field,
// and in what is signed between SignedPrefix and Separator.
type HMACTimestamp struct {
	Header       string `json:"header,omitempty"`
	Prefix       string `json:"prefix,omitempty"`
	SignedPrefix string `json:"signedPrefix,omitempty"`
	Separator    string `json:"separator"`
}

// The hashes of an HMAC, and how it is written.
const (
	AlgorithmSHA256 = "SHA256"
	AlgorithmSHA512 = "SHA512"
	EncodingHex     = "Hex"
	EncodingBase64  = "Base64"
)

// AWS says what a request is signed for.
type AWS struct {
	Region  string `json:"region"`
	Service string `json:"service"`
}

// SeveralKeys reports whether the signatures of several keys have room in their field. That of
// nil, which no valid document has, has none.
func (h *HMAC) SeveralKeys() bool { return h != nil && h.Timestamp != nil && h.Timestamp.Header == "" }

// Reference is the Secret of the credential, whatever it is for.
func (c *Credential) Reference() Reference {
	r := Reference{Name: c.Secret, Keys: []string{c.Key}, Use: UseField}
	switch {
	case c.Type == CredentialOAuth2:
		r.Keys, r.Use = c.clientKeys(), UseClient
	case c.Type == CredentialBasic:
		r.Keys, r.Use = []string{"username", "password"}, UseBasic
	case c.Type == CredentialBearer:
		r.Keys = []string{"token"}
	case c.Type == CredentialStandardWebhooks:
		r.Keys, r.Use = []string{"secret"}, UseWebhook
	case c.Type == CredentialHMAC && c.HMAC.SeveralKeys():
		r.Use = UseSigningKeys
	case c.Type == CredentialHMAC:
		r.Use = UseSigningKey
	case c.Type == CredentialAWSSigV4:
		r.Keys, r.Use = []string{"aws_access_key_id", "aws_secret_access_key"}, UseAWS
	case c.Header == "":
		r.Use = UseQuery
	}
	return r
}

// The fields of Standard Webhooks and of AWS Signature Version 4, by their canonical names.
const (
	FieldWebhookID        = "Webhook-Id"
	FieldWebhookTimestamp = "Webhook-Timestamp"
	FieldWebhookSignature = "Webhook-Signature"
	FieldAmzDate          = "X-Amz-Date"
	FieldAmzContentSHA256 = "X-Amz-Content-Sha256"
	FieldAmzSecurityToken = "X-Amz-Security-Token" //nolint:gosec // a name
)

// Fields are those of a request in which the credential is shown, whatever the caller sends
// in them; none of nil.
func (c *Credential) Fields() []string {
	switch {
	case c == nil, c.Type == CredentialAPIKey && c.Header == "":
		return nil
	case c.Type == CredentialAPIKey, c.Type == CredentialHMAC && (c.HMAC.Timestamp == nil || c.HMAC.Timestamp.Header == ""):
		return []string{c.Header}
	case c.Type == CredentialHMAC:
		return []string{c.Header, c.HMAC.Timestamp.Header}
	case c.Type == CredentialStandardWebhooks:
		return []string{FieldWebhookID, FieldWebhookTimestamp, FieldWebhookSignature}
	case c.Type == CredentialAWSSigV4:
		return []string{"Authorization", FieldAmzDate, FieldAmzContentSHA256, FieldAmzSecurityToken}
	}
	return []string{"Authorization"}
}

func (c *Credential) validate() error {
	errs := []error{
		oneOf("credential.type", c.Type, CredentialOAuth2, CredentialAPIKey, CredentialBasic, CredentialBearer,
			CredentialStandardWebhooks, CredentialHMAC, CredentialAWSSigV4, CredentialWorkloadIdentity),
	}
	if c.Type != CredentialOAuth2 {
		errs = append(errs, c.validateNames())
	}
	switch c.Type {
	case CredentialAPIKey:
		errs = append(errs, fileName("credential.key", c.Key), fieldName("credential.header", c.Header))
		if (c.Header == "") == (c.Query == "") {
			errs = append(errs, errors.New("credential must have exactly one of header and query"))
		}
	case CredentialHMAC:
		errs = append(errs, fileName("credential.key", c.Key), fieldName("credential.header", c.Header), c.HMAC.validate())
		if c.Header == "" {
			errs = append(errs, errors.New("credential.header is empty"))
		}
	case CredentialOAuth2:
		errs = append(errs, c.validateOAuth2())
	case CredentialAWSSigV4:
		if c.AWS == nil || c.AWS.Region == "" || c.AWS.Service == "" {
			errs = append(errs, errors.New("credential.aws has no region or no service"))
		}
	}
	return errors.Join(errs...)
}

func (h *HMAC) validate() error {
	if h == nil {
		return errors.New("credential.hmac is missing")
	}
	errs := []error{
		oneOf("credential.hmac.algorithm", h.Algorithm, AlgorithmSHA256, AlgorithmSHA512),
		oneOf("credential.hmac.encoding", h.Encoding, EncodingHex, EncodingBase64),
		inField("credential.hmac.prefix", h.Prefix),
	}
	if t := h.Timestamp; t != nil {
		errs = append(errs, fieldName("credential.hmac.timestamp.header", t.Header), inField("credential.hmac.timestamp.prefix", t.Prefix))
		if t.Separator == "" {
			errs = append(errs, errors.New("credential.hmac.timestamp.separator is empty"))
		}
	}
	return errors.Join(errs...)
}

// fieldName checks the name of a field; none is none.
func fieldName(what, name string) error {
	if strings.ContainsFunc(name, func(r rune) bool { return !inToken(r) }) {
		return fmt.Errorf("%s %q is no field name (RFC 9110, section 5.6.2)", what, name)
	}
	return nil
}

// inField checks a part of the value of a field.
func inField(what, text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%s %q cannot stand in a field", what, text)
	}
	return nil
}

func inToken(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
