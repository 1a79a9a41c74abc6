package compile

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// HeaderNames reads names of fields, separated by commas.
func HeaderNames(list string) ([]string, error) {
	names := strings.Split(list, ",")
	for i, name := range names {
		name = strings.TrimSpace(name)
		names[i] = name
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) }) {
			return nil, fmt.Errorf("read %q: %q is no name of a field", list, name)
		}
	}
	return names, nil
}

// forwarded are the fields of the caller's credentials that a backend gets.
func (c *compiler) forwarded(path *field.Path, names []v1alpha1.HeaderName) []string {
	for i, name := range names {
		if headers.Withheld(string(name)) {
			c.refuse(path.Index(i), string(name), "must not name a field that reaches no backend in any case")
		}
	}
	return texts(names)
}

// credentialHeaders are those of the route and of the operator, sorted, so that the order
// in which either names them moves no document.
func (c *compiler) credentialHeaders() []string {
	out := slices.Clone(c.options.CredentialHeaders)
	if a := c.route.Spec.Authentication; a != nil {
		path := spec().Child("authentication", "credentialHeaders")
		for i, name := range a.CredentialHeaders {
			if headers.NeverCredential(string(name)) {
				c.refuse(path.Index(i), string(name), "must not name a field that speaks about a body or the connection: backends need it, or never get it")
			}
		}
		out = append(out, texts(a.CredentialHeaders)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// carries refuses a field in which no caller's proof can come: everybody would get a 401.
func (c *compiler) carries(path *field.Path, name v1alpha1.HeaderName) {
	if name != "" && headers.NeverCredential(string(name)) {
		c.refuse(path, string(name), "can carry no proof of a caller: it speaks about a body or the connection, or is one of ours; name a field of its own, such as X-API-Key, or Authorization")
	}
}

// sendable refuses a field in which no backend can be shown anything: it would never be sent.
func (c *compiler) sendable(path *field.Path, name v1alpha1.HeaderName) {
	if name != "" && headers.Reserved(string(name)) {
		c.refuse(path, string(name), "must not name Host, Via, Fanout-* or a field of the connection, with _ read as -: it would not reach the backend; name another field")
	}
}

// settable refuses rules for fields that are set elsewhere, in any spelling that a receiver
// may take for theirs: the schema knows their plain names alone.
func (c *compiler) settable(path *field.Path, b *v1alpha1.Backend, shown *routeconfig.Credential) {
	if b.Request.Headers == nil {
		return
	}
	own, teller := ownFields(shown), tellingField(b.Request.ClientAddress)
	for i, name := range b.Request.Headers.Remove {
		if teller != "" && headers.Same(string(name), teller) {
			c.refuse(path.Child("remove").Index(i), string(name), "must not name the field of request.clientAddress: set that to None, or leave this out")
		}
	}
	for i, f := range b.Request.Headers.Set {
		at, name := path.Child("set").Index(i).Child("name"), string(f.Name)
		if headers.Reserved(name) {
			c.refuse(at, name, "must not name Host, Via, Fanout-* or a field of the connection, with _ read as -")
		}
		if slices.ContainsFunc(own, func(field string) bool { return headers.Same(name, field) }) {
			c.refuse(at, name, "must not name the field of the backend's own credential, with _ read as -")
		}
		if teller != "" && headers.Same(name, teller) {
			c.refuse(at, name, "must not name the field of request.clientAddress, with _ read as -: set that to None, or leave this out")
		}
	}
}

// tellingField is the field in which a backend is told who calls, or none.
func tellingField(a v1alpha1.ClientAddress) string {
	switch a {
	case v1alpha1.ClientAddressXForwardedFor:
		return "X-Forwarded-For"
	case v1alpha1.ClientAddressForwarded:
		return "Forwarded"
	case v1alpha1.ClientAddressNone:
	}
	return ""
}

// ownFields are those of a backend's credential that no rule may set. A Webhook-Id is none:
// a rule may know what the message is.
func ownFields(c *routeconfig.Credential) []string {
	return slices.DeleteFunc(c.Fields(), func(name string) bool { return name == routeconfig.FieldWebhookID })
}
