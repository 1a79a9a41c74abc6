package routeconfig

// Reference is a Secret or a ConfigMap that a route reads, and the field of its spec that
// says so.
type Reference struct {
	// Kind says which of the two it is.
	Kind Kind
	// Field is the path of the field. Items of lists are told by their names.
	Field string
	// Name is that of the Secret, in the route's namespace.
	Name string
	// Keys are those that the route cannot do without; none where all there are count.
	Keys []string
	// Use is what is made of it.
	Use Use
	// Backend is the name of the one that it is for; empty where it is for all calls.
	Backend string
}

// Use is what is made of a Secret or a ConfigMap.
type Use string

// What Secrets are used for. A credential is a pair, what stands in a field or in the
// query of a request, or what signs it.
const (
	UseAccount     Use = "account"
	UseAuthorities Use = "authorities"
	UseKeyPair     Use = "keyPair"
	UseCallers     Use = "callers"
	UseUsers       Use = "users"
	// UseClientAuthorities are those that let callers in.
	UseClientAuthorities Use = "clientAuthorities"
	UseClient            Use = "client"
	UseWorkload          Use = "workload" // of a KindToken
	UseBasic             Use = "basic"
	UseField             Use = "field"
	UseQuery             Use = "query"
	UseWebhook           Use = "webhook"
	UseSigningKey        Use = "signingKey"
	UseSigningKeys       Use = "signingKeys"
	UseAWS               Use = "aws"
	UseHeaders           Use = "headers" // all keys there are
	// UseJSONSchema, UseJWKS and UseOpenAPI are of ConfigMaps.
	UseJSONSchema Use = "jsonSchema"
	UseJWKS       Use = "jwks"
	UseOpenAPI    Use = "openAPI"
)

// References are all Secrets and ConfigMaps that the route reads, always in the same order. What proxies
// mount, what a document may name, what a plan depends on and what can be missing follow
// from this list alone: a new field of the spec is a new line here.
func (r *Route) References() []Reference {
	var list references
	list.callers(r.Authentication)
	list.optional(Reference{Field: "spec.listener.tls.secretName", Name: r.Listener.TLSSecret, Keys: keysOfPair(), Use: UseKeyPair})
	r.Validation.references(&list)
	list.store(r.RateLimitStore)
	list.tracing(r.Tracing)
	for b := range r.Receivers() {
		list.backend(b)
	}
	return list
}

type references []Reference

func (l *references) backend(b *Backend) {
	at := "spec.backends[" + b.Name + "]."
	if t := b.TLS; t != nil {
		l.optional(Reference{Field: at + "tls.caSecretName", Name: t.CASecret, Keys: []string{"ca.crt"}, Use: UseAuthorities, Backend: b.Name})
		l.optional(Reference{Field: at + "tls.clientCertificateSecretName", Name: t.ClientCertificateSecret, Keys: keysOfPair(), Use: UseKeyPair, Backend: b.Name})
	}
	if c := b.Credential; c != nil {
		r := c.Reference()
		r.Field, r.Backend = at+"authentication."+c.Type+".secretName", b.Name
		l.optional(r)
		l.optional(c.workload(b.Name))
		l.issuer(b, c.TokenTLS)
	}
}

// issuer is what a token endpoint is believed by, and shown.
func (l *references) issuer(b *Backend, t *TLS) {
	if t == nil {
		return
	}
	at := "spec.backends[" + b.Name + "].authentication.oauth2.tls."
	l.optional(Reference{Field: at + "caSecretName", Name: t.CASecret, Keys: []string{"ca.crt"}, Use: UseAuthorities, Backend: b.Name})
	l.optional(Reference{Field: at + "clientCertificateSecretName", Name: t.ClientCertificateSecret, Keys: keysOfPair(), Use: UseKeyPair, Backend: b.Name})
}

func (l *references) required(r Reference) { *l = append(*l, r) }

func (l *references) optional(r Reference) {
	if r.Name != "" {
		*l = append(*l, r)
	}
}

func keysOfPair() []string { return []string{"tls.crt", "tls.key"} }
