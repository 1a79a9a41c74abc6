package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

const (
	// maxKeys bounds those of a set, and maxTried those that a token is held against which
	// names none.
	maxKeys  = 128
	maxTried = 8
	// minModulus and maxModulus bound a key of RSA, in bits: shorter ones are not safe (RFC
	// 7518, section 3.3), longer ones take milliseconds.
	minModulus = 2048
	maxModulus = 8192
)

// Set is the keys of an issuer that can be used, in its own order. It is immutable.
type Set struct {
	keys []key
	// names tells sets apart: equal ones have equal names.
	names []string
}

// key is a public key.
type key struct {
	id     string
	alg    string // empty for any that its type fits
	public any
	// fits are the algorithms of its type.
	fits []string
}

// Usable is how many keys there are.
func (s *Set) Usable() int { return len(s.keys) }

// ParseSet reads a JWK Set (RFC 7517, section 5). Keys that are of no use here are left out,
// as the RFC wants it: of other types, for other uses, or not public. A set may be of no key
// at all: whoever serves that has taken them away.
func ParseSet(text string) (*Set, error) { return parseSet([]byte(text)) }

func parseSet(raw []byte) (*Set, error) {
	members := object(raw)
	list := members["keys"]
	if len(list) == 0 || list[0] != '[' {
		return nil, errors.New("it is no JWK Set (RFC 7517, section 5)")
	}
	s, n := &Set{}, 0
	for raw := range rawjson.Elements(list) {
		if n++; n > maxKeys {
			return nil, fmt.Errorf("it has more than %d keys", maxKeys)
		}
		if k, name, ok := parseKey(raw); ok {
			s.keys = append(s.keys, k)
			s.names = append(s.names, name)
		}
	}
	return s, nil
}

// parseKey returns a key, and a name for it with all that it is used by.
func parseKey(raw []byte) (k key, name string, ok bool) {
	members := object(raw)
	for _, private := range []string{"d", "k", "p"} {
		if _, has := members[private]; has {
			return key{}, "", false // who publishes that has lost it
		}
	}
	parsed, err := jwk.ParseKey(raw)
	if err != nil || !verifies(parsed) || jwk.Export(parsed, &k.public) != nil {
		return key{}, "", false
	}
	k.id, _ = parsed.KeyID()
	if alg, has := parsed.Algorithm(); has {
		k.alg = alg.String()
	}
	k.fits = fitting(k.public)
	sum, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil || len(k.fits) == 0 {
		return key{}, "", false
	}
	return k, fmt.Sprintf("%q %q %x", k.id, k.alg, sum), true
}

// verifies reports whether a key may be used for signatures (RFC 7517, sections 4.2 and 4.3).
func verifies(k jwk.Key) bool {
	if use, ok := k.KeyUsage(); ok && use != "" && use != string(jwk.ForSignature) {
		return false
	}
	operations, ok := k.KeyOps()
	return !ok || len(operations) == 0 || slices.Contains(operations, jwk.KeyOpVerify)
}

// fitting are the algorithms that a key can be used with; none for one of no use.
func fitting(public any) []string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits >= minModulus && bits <= maxModulus && k.E > 1 && !structured(k.N) {
			return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
		}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA", "Ed25519"}
	}
	return nil
}

// structured reports whether a modulus is made of primes of a form that can be found again
// (CVE-2017-15361): such a one is a power of 65537 by each small prime. One in 100 million
// others is so by chance.
func structured(n *big.Int) bool {
	rest := new(big.Int)
	for p := int64(3); p <= 167; p += 2 {
		if !big.NewInt(p).ProbablyPrime(0) {
			continue
		}
		of, power := rest.Mod(n, big.NewInt(p)).Int64(), int64(1)
		for range p {
			if power = power * 65537 % p; power == of {
				break
			}
		}
		if power != of {
			return false
		}
	}
	return true
}

// takes reports whether a key is for an algorithm. Of keys of Edwards curves EdDSA and
// Ed25519 are one (RFC 9864).
func (k *key) takes(alg string) bool {
	if !slices.Contains(k.fits, alg) {
		return false
	}
	return k.alg == "" || k.alg == alg || k.fits[0] == "EdDSA" && slices.Contains(k.fits, k.alg)
}

// candidates are the keys that a token may be signed by: those of the name that it gives,
// else, where it or they have none, those that are for its algorithm.
func (s *Set) candidates(t *Token) (list []key, byName bool) {
	var named, nameless []key
	for _, k := range s.keys {
		switch {
		case !k.takes(t.alg):
		case t.kid != "" && k.id == t.kid:
			named = append(named, k)
		case t.kid == "" || k.id == "":
			nameless = append(nameless, k)
		}
	}
	if len(named) > 0 {
		return named[:min(len(named), maxTried)], true
	}
	return nameless[:min(len(nameless), maxTried)], false
}

// Signed reports whether a text is a JWS in the compact form that one of the keys has signed,
// by one of some algorithms. What it says is another matter.
func (s *Set) Signed(compact string, algorithms []string) bool {
	t := parseSigned(compact)
	if t == nil || !slices.Contains(algorithms, t.alg) {
		return false
	}
	keys, _ := s.candidates(t)
	return slices.ContainsFunc(keys, func(k key) bool { return k.signed(t) })
}

// signed reports whether the token is signed by a key.
func (k *key) signed(t *Token) bool {
	alg, ok := jwa.LookupSignatureAlgorithm(t.alg)
	if !ok {
		return false
	}
	_, err := jws.VerifyCompactFast(k.public, t.compact, alg)
	return err == nil
}
