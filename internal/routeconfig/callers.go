package routeconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Authentication says who may call: whoever one of the ways admits.
type Authentication struct {
	APIKeys *CallerAPIKeys `json:"apiKeys,omitempty"`
	Basic   *CallerBasic   `json:"basic,omitempty"`
	JWT     []CallerJWT    `json:"jwt,omitempty"`
	// Certificate is for listeners with TLS.
	Certificate *CallerCertificate `json:"certificate,omitempty"`
}

// CallerAPIKeys admits callers by the keys in a Secret.
type CallerAPIKeys struct {
	Secret string `json:"secret"`
	Header string `json:"header"`
}

// CallerBasic admits callers by the users and passwords in a Secret.
type CallerBasic struct {
	Secret string `json:"secret"`
}

// CallerJWT admits callers by the tokens of an issuer.
type CallerJWT struct {
	Name string `json:"name"`
	// Issuer is any where empty.
	Issuer string `json:"issuer,omitempty"`
	// JWKSURI is where its keys are, and JWKS the keys themselves; without both the issuer says
	// where they are.
	JWKSURI string        `json:"jwksURI,omitempty"`
	JWKS    *ConfigMapKey `json:"jwks,omitempty"`
	// CASecret holds ca.crt, the authorities of the issuer's certificate. Without it they are
	// the public ones.
	CASecret   string   `json:"caSecret,omitempty"`
	Algorithms []string `json:"algorithms"`
	// Audiences are any where empty.
	Audiences      []string        `json:"audiences,omitempty"`
	ClockSkew      Duration        `json:"clockSkew"`
	RequiredClaims []RequiredClaim `json:"requiredClaims,omitempty"`
	// Caller is the path of the claim that names the caller.
	Caller []string `json:"caller"`
	// Header is the field of the token, behind Prefix, or Query its parameter. One of the two
	// is set.
	Header string `json:"header,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	Query  string `json:"query,omitempty"`
}

// CallerCertificate admits callers by certificates of the authorities in a Secret. Subjects
// are all where empty.
type CallerCertificate struct {
	CASecret string    `json:"caSecret"`
	Subjects []Subject `json:"subjects,omitempty"`
}

// Subject is a name of a certificate.
type Subject struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// The names of certificates.
const (
	SubjectURI        = "URI"
	SubjectDNS        = "DNS"
	SubjectCommonName = "CommonName"
)

// RequiredClaim is a path of a claim that must be there, with one of Values if there are any.
type RequiredClaim struct {
	Claim  []string `json:"claim"`
	Values []string `json:"values,omitempty"`
}

// Authorization says what callers may do.
type Authorization struct {
	Rules []AuthorizationRule `json:"rules"`
}

// AuthorizationRule is an expression that must be true of a call, and what is said where it
// is not.
type AuthorizationRule struct {
	Expression string `json:"expression"`
	Message    string `json:"message"`
}

// Algorithms are those that tokens may be signed by. None of them is symmetric.
func Algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
}

// Headers are the fields in which callers send what they are known by, beyond Authorization.
func (a *Authentication) Headers() (fields []string) {
	if a.APIKeys != nil {
		fields = append(fields, a.APIKeys.Header)
	}
	for i := range a.JWT {
		if a.JWT[i].Header != "" {
			fields = append(fields, a.JWT[i].Header)
		}
	}
	return fields
}

// Queries are the parameters of the query in which they do.
func (a *Authentication) Queries() (names []string) {
	for i := range a.JWT {
		if a.JWT[i].Query != "" {
			names = append(names, a.JWT[i].Query)
		}
	}
	return names
}

func (a *Authentication) validate() error {
	if a == nil {
		return nil
	}
	var errs []error
	if a.APIKeys == nil && a.Basic == nil && len(a.JWT) == 0 && a.Certificate == nil {
		errs = append(errs, errors.New("authentication has no way to know callers"))
	}
	if a.Certificate != nil {
		for _, s := range a.Certificate.Subjects {
			errs = append(errs, oneOf("authentication.certificate.subjects.type", s.Type, SubjectURI, SubjectDNS, SubjectCommonName))
		}
	}
	for i := range a.JWT {
		if err := a.JWT[i].validate(); err != nil {
			errs = append(errs, fmt.Errorf("authentication.jwt %q: %w", a.JWT[i].Name, err))
		}
	}
	return errors.Join(errs...)
}

func (j *CallerJWT) validate() error {
	errs := []error{
		fileName("name", j.Name),
		between("clockSkew", int64(j.ClockSkew), 0, maxSpan),
	}
	switch {
	case j.JWKS != nil: // in the cluster: whoever issues them is asked nothing
	case j.JWKSURI != "":
		errs = append(errs, reachable("jwksURI", j.JWKSURI))
	default:
		errs = append(errs, reachable("issuer", j.Issuer))
	}
	if j.JWKS != nil && (j.JWKSURI != "" || j.CASecret != "") {
		errs = append(errs, errors.New("jwks goes with neither jwksURI nor caSecret"))
	}
	if len(j.Algorithms) == 0 || len(j.Caller) == 0 {
		errs = append(errs, errors.New("algorithms and caller must not be empty"))
	}
	for _, alg := range j.Algorithms {
		errs = append(errs, oneOf("algorithms", alg, Algorithms()...))
	}
	if (j.Header == "") == (j.Query == "") || strings.ContainsFunc(j.Header, func(r rune) bool { return !inToken(r) }) {
		errs = append(errs, errors.New("the token must be in one of a header field and the query"))
	}
	if slices.ContainsFunc(j.RequiredClaims, func(c RequiredClaim) bool { return len(c.Claim) == 0 }) {
		errs = append(errs, errors.New("requiredClaims must have a claim"))
	}
	return errors.Join(errs...)
}

// callers are the Secrets and ConfigMaps by which callers are known.
func (l *references) callers(a *Authentication) {
	if a == nil {
		return
	}
	const at = "spec.authentication."
	if a.APIKeys != nil {
		l.required(Reference{Field: at + "apiKeys.secretName", Name: a.APIKeys.Secret, Use: UseCallers})
	}
	if a.Basic != nil {
		l.required(Reference{Field: at + "basic.secretName", Name: a.Basic.Secret, Keys: []string{"auth"}, Use: UseUsers})
	}
	for i := range a.JWT {
		j := &a.JWT[i]
		l.optional(Reference{Field: at + "jwt[" + j.Name + "].caSecretName", Name: j.CASecret, Keys: []string{"ca.crt"}, Use: UseAuthorities})
		if j.JWKS != nil {
			l.required(j.JWKS.reference(at+"jwt["+j.Name+"].jwks.configMapKeyRef", UseJWKS))
		}
	}
	if a.Certificate != nil {
		l.required(Reference{Field: at + "clientCertificate.caSecretName", Name: a.Certificate.CASecret, Keys: []string{"ca.crt"}, Use: UseClientAuthorities})
	}
}
