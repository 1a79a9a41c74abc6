package routeconfig

import (
	"errors"
	"strings"
)

// Exchange says for what a token is got (RFC 8693).
type Exchange struct {
	// Workload says that it is the token of the credential's Audience, and not one of its Secret.
	Workload         bool   `json:"workload,omitempty"`
	SubjectTokenType string `json:"subjectTokenType"`
	// RequestedTokenType is empty for what the endpoint takes for right.
	RequestedTokenType string `json:"requestedTokenType,omitempty"`
}

// Certified reports whether a certificate proves to the token endpoint who asks.
func (c *Credential) Certified() bool {
	return c.Type == CredentialOAuth2 && c.TokenTLS != nil && c.TokenTLS.ClientCertificateSecret != ""
}

// clientKeys are those of the Secret that a token request cannot do without. A client that
// proves nothing may have no id either.
func (c *Credential) clientKeys() (keys []string) {
	exchanged := c.Exchange != nil && !c.Exchange.Workload
	if !c.Public || !exchanged {
		keys = append(keys, "client_id")
	}
	switch {
	case c.Assertion != "":
		keys = append(keys, "private_key")
	case !c.Certified() && !c.Federated && !c.Public:
		keys = append(keys, "client_secret")
	}
	if exchanged {
		keys = append(keys, "subject_token")
	}
	return keys
}

// validateNames checks that there is either a Secret or an audience, as the type has it.
func (c *Credential) validateNames() error {
	workload := c.Type == CredentialWorkloadIdentity
	if (c.Audience != "") != workload || (c.Secret != "") == workload {
		return errors.New("credential.audience goes with workloadIdentity, and credential.secret with all others")
	}
	return nil
}

func (c *Credential) validateOAuth2() error {
	errs := []error{reachable("credential.tokenURL", c.TokenURL)}
	if c.TokenTLS != nil && !strings.HasPrefix(c.TokenURL, "https:") {
		errs = append(errs, errors.New("credential.tokenTLS goes with an https tokenURL"))
	}
	workload := c.Federated || c.Exchange != nil && c.Exchange.Workload
	if workload != (c.Audience != "") {
		errs = append(errs, errors.New("credential.audience goes with federated, and with the exchange of its token"))
	}
	if c.Secret == "" && (!c.Public || c.Exchange == nil || !c.Exchange.Workload) {
		errs = append(errs, errors.New("credential.secret is empty, and the token request needs it"))
	}
	return errors.Join(errs...)
}
