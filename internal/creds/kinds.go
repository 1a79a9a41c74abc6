package creds

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Keys of the types kubernetes.io/basic-auth and kubernetes.io/tls, and those of a client
// of OAuth 2.0.
const (
	username     = "username"
	password     = "password"
	authorities  = "ca.crt"
	certificate  = "tls.crt"
	privateKey   = "tls.key"
	clientID     = "client_id"
	clientSecret = "client_secret"
)

// What is made of Secrets, a method each. Who shows keys to others keeps the last good ones
// when one goes missing, since they change together or not at all; who checks the keys of
// others admits nobody by what was taken away.

// Keys returns the handle on keys that belong together and are shown to others. The values
// may hold anything.
func (s *Store) Keys(namespace, secret string, keys ...string) *Derived[*Snapshot] {
	return derive(s, namespace, secret, kind[*Snapshot]{name: "keys/" + strings.Join(keys, "/"), take: shown(keys, anything), make: itself})
}

// Field returns the handle on a value that stands in a header field (RFC 9110, section
// 5.5). One that cannot keeps the last good one.
func (s *Store) Field(namespace, secret, key string) *Derived[*Snapshot] {
	return derive(s, namespace, secret, kind[*Snapshot]{name: "field/" + key, take: shown([]string{key}, each(field)), make: itself})
}

// Basic returns the handle on username and password (RFC 7617). A pair that the scheme has
// no form for keeps the last good one.
func (s *Store) Basic(namespace, secret string) *Derived[*Snapshot] {
	return derive(s, namespace, secret, kind[*Snapshot]{name: "basic", take: shown([]string{username, password}, pair), make: itself})
}

// Authorities returns the handle on ca.crt. What holds no certificate keeps the last good
// pool.
func (s *Store) Authorities(namespace, secret string) *Derived[*x509.CertPool] {
	return derive(s, namespace, secret, kind[*x509.CertPool]{name: "authorities", take: shown([]string{authorities}, anything), make: pool, tells: authorities})
}

// ClientAuthorities returns the handle on ca.crt with those that let callers in: what is taken
// away is gone, and only certificates of which none can be read keep the last good pool.
func (s *Store) ClientAuthorities(namespace, secret string) *Derived[*x509.CertPool] {
	return derive(s, namespace, secret, kind[*x509.CertPool]{name: "clientAuthorities", take: lined(authorities, judgeAuthorities), make: pool, tells: authorities})
}

// KeyPair returns the handle on tls.crt and tls.key. A pair that does not fit together
// keeps the last good one.
func (s *Store) KeyPair(namespace, secret string) *Derived[*tls.Certificate] {
	return derive(s, namespace, secret, kind[*tls.Certificate]{name: "pair", take: shown([]string{certificate, privateKey}, anything), make: keyPair, tells: privateKey})
}

// Callers returns the handle on every key of a Secret by which callers are known: each
// stands alone, and what is taken away is gone.
func (s *Store) Callers(namespace, secret string) *Derived[*Callers] {
	return derive(s, namespace, secret, kind[*Callers]{name: "callers", take: checked, make: newCallers})
}

// Source returns the handle on what a route makes of a Secret, or on the text in a
// ConfigMap.
func (s *Store) Source(namespace string, r *routeconfig.Reference) Source {
	if r.Kind == routeconfig.KindConfigMap {
		return textOf(s, namespace, r)
	}
	switch r.Use {
	case routeconfig.UseWorkload:
		return s.Workload(namespace, r.Name)
	case routeconfig.UseAuthorities:
		return s.Authorities(namespace, r.Name)
	case routeconfig.UseKeyPair:
		return s.KeyPair(namespace, r.Name)
	case routeconfig.UseCallers:
		return s.Callers(namespace, r.Name)
	case routeconfig.UseAccount:
		return s.Account(namespace, r.Name)
	case routeconfig.UseClientAuthorities:
		return s.ClientAuthorities(namespace, r.Name)
	case routeconfig.UseUsers:
		return s.Users(namespace, r.Name)
	case routeconfig.UseHeaders:
		return s.Headers(namespace, r.Name)
	default:
		return s.Credential(namespace, r)
	}
}

// Credential returns the handle on what a backend is shown: its use says what that may hold.
func (s *Store) Credential(namespace string, r *routeconfig.Reference) *Derived[*Snapshot] {
	switch r.Use {
	case routeconfig.UseClient:
		return s.Client(namespace, r.Name, r.Keys...)
	case routeconfig.UseBasic:
		return s.Basic(namespace, r.Name)
	case routeconfig.UseField:
		return s.Field(namespace, r.Name, r.Keys[0])
	case routeconfig.UseWebhook:
		return s.Webhook(namespace, r.Name)
	case routeconfig.UseSigningKey:
		return s.SigningKey(namespace, r.Name, r.Keys[0])
	case routeconfig.UseSigningKeys:
		return s.SigningKeys(namespace, r.Name, r.Keys[0])
	case routeconfig.UseAWS:
		return s.AWS(namespace, r.Name)
	default:
		return s.Keys(namespace, r.Name, r.Keys...) // encoded, whatever they hold
	}
}

func keyPair(s *Snapshot) (*tls.Certificate, error) {
	made, err := tls.X509KeyPair([]byte(s.Value(certificate).secret), []byte(s.Value(privateKey).secret))
	if err != nil {
		return nil, errors.New("tls.crt and tls.key are no certificate with its key") // the error may hold parts of them
	}
	return &made, nil
}
