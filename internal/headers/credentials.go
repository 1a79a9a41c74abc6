package headers

import (
	"net/http"
	"strings"
)

// names are fields that carry credentials by custom and have no ending that says so.
// Docs/semantics.md has them all; a test compares.
func names() []string {
	return []string{
		"Authorization", "Cookie", "Cookie2", "DPoP", "X-Auth", "X-Token", "Token", "JWT", "X-JWT",
		"X-Vault-Token", "X-Consul-Token", "X-Nomad-Token", "Private-Token", "Job-Token", "Deploy-Token",
		"X-GitLab-Token", "x-ms-authorization-auxiliary", "X-Figma-Token", "X-Subject-Token", "X-Storage-Token", "X-Service-Token", "X-User-Token",
		"X-SF-Token", "X-Tracker-Token", "X-Postmark-Server-Token", "X-Postmark-Account-Token", "Circle-Token",
		"X-Plex-Token", "X-TC-Token", "X-aws-ec2-metadata-token", "aeg-sas-token", "aeg-sas-key",
		"X-Functions-Key", "X-Insert-Key", "X-Query-Key", "X-License-Key", "X-RapidAPI-Key", "X-Mashape-Key", "Fastly-Key",
		"X-NSONE-Key", "X-Parse-Master-Key", "X-Auth-User-Service-Key", "X-ms-encryption-key",
		"X-Amz-Server-Side-Encryption-Customer-Key", "X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key",
		"X-Goog-Encryption-Key", "X-Goog-Copy-Source-Encryption-Key",
		"X-Amzn-Oidc-Data", "X-Amzn-Oidc-Accesstoken", "X-ZUMO-AUTH", "X-MS-CLIENT-PRINCIPAL", "X-Firebase-AppCheck",
		"X-Sentry-Auth", "X-Tableau-Auth", "X-Honeycomb-Team", "X-JFrog-Art-Api",
		"CF-Access-Client-Id", "CF-Access-Token", "CB-ACCESS-SIGN",
	}
}

// endings are the last words of fields that carry credentials by custom: X-API-Key,
// X-Goog-Api-Key and the next vendor's alike.
func endings() []string {
	return []string{
		"Api-Key", "ApiKey", "Api-Token", "Api-Secret", "Auth-Token", "Auth-Key", "Access-Token", "Access-Key",
		"App-Key", "Application-Key", "Subscription-Key", "Secret-Key", "Private-Key", "Security-Token", "Session-Token",
		"Id-Token", "Identity-Token", "Refresh-Token", "Bearer-Token", "Jwt-Assertion", "Authorization",
		"Secret", "Password", "Passphrase", "Credential", "Credentials",
	}
}

// Credentials tells the fields that carry callers' credentials. It is immutable.
type Credentials struct {
	names, endings map[string]bool
	// tails has what last two letters of endings hash to: hardly any other field has them,
	// and two lookups for each field of each call are dear.
	tails [256]bool
}

// NewCredentials adds fields to the list, in any case.
func NewCredentials(more []string) *Credentials {
	c := &Credentials{names: folded(names(), more), endings: folded(endings())}
	for ending := range c.endings {
		c.tails[tail(ending)] = true
	}
	return c
}

func folded(lists ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, name := range list {
			set[Fold(http.CanonicalHeaderKey(name))] = true
		}
	}
	return set
}

// tail wants a name that is not empty.
func tail(folded string) byte {
	last := len(folded) - 1
	return folded[last]*31 + folded[max(last-1, 0)]
}

// Has reports whether a field is one of them, given by its canonical name.
func (c *Credentials) Has(name string) bool {
	name = Fold(name)
	return c.names[name] || c.ends(name)
}

// ends reports whether a folded name ends in words of credentials.
func (c *Credentials) ends(folded string) bool {
	if folded == "" || !c.tails[tail(folded)] {
		return false
	}
	last := strings.LastIndexByte(folded, '-')
	if c.endings[folded[last+1:]] {
		return true
	}
	return last > 0 && c.endings[folded[strings.LastIndexByte(folded[:last], '-')+1:]]
}
