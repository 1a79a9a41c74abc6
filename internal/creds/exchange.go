package creds

import (
	"net/url"
	"slices"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	subjectToken  = "subject_token"
	grantClient   = "client_credentials"
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	tokenTypes    = "urn:ietf:params:oauth:token-type:" //nolint:gosec // a prefix of names
)

// Workload returns the handle on the token of the service account that the proxy runs as,
// for an audience. What cannot stand in a field keeps the last good one.
func (s *Store) Workload(namespace, audience string) *Derived[*Snapshot] {
	return derive(s, namespace, audience, kind[*Snapshot]{
		of: routeconfig.KindToken, name: "workload", take: shown([]string{routeconfig.TokenKey}, each(field)), make: itself,
	})
}

// workload is the service account's token as it is sent now, where it may be sent to the
// endpoint; nil where none is.
func (t *TokenSource) workload() (*Snapshot, error) {
	w := t.options.Workload
	if w == nil {
		return nil, nil // none is sent
	}
	token, err := w.Get()
	if err != nil {
		return nil, err
	}
	if fault := w.ForbidsToken(token, t.host, t.port); fault != nil {
		return nil, fault
	}
	return token, nil
}

// ask puts into a form what is asked for: a token for the client itself, or one for another
// token (RFC 8693, section 2.1).
func (t *TokenSource) ask(form url.Values, client, workload *Snapshot) {
	e := t.options.Exchange
	if e == nil {
		form.Set("grant_type", grantClient)
		return
	}
	form.Set("grant_type", grantExchange)
	subject := client.Value(subjectToken)
	if e.Workload {
		subject = workload.Value(routeconfig.TokenKey)
	}
	form.Set(subjectToken, subject.secret)
	form.Set("subject_token_type", e.SubjectTokenType)
	if e.RequestedTokenType != "" {
		form.Set("requested_token_type", e.RequestedTokenType)
	}
}

// exchanged says why a token that was got for another one is not what was asked for, or
// nothing (RFC 8693, section 2.2.1).
func (t *TokenSource) exchanged(i *issued) string {
	e := t.options.Exchange
	if e == nil {
		return ""
	}
	usable := []string{tokenTypes + "access_token", tokenTypes + "jwt"} // a JWT may be an access token, and the other way round
	if e.RequestedTokenType != "" && !slices.Contains(usable, e.RequestedTokenType) {
		usable = []string{e.RequestedTokenType}
	}
	switch {
	case i.issuedType == "":
		return " without an issued_token_type (RFC 8693, section 2.2.1)"
	case !slices.Contains(usable, i.issuedType):
		return " with an issued_token_type that was not asked for"
	}
	return ""
}
