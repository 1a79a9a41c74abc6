package creds

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

const (
	clientKey   = "private_key"
	clientKeyID = "key_id"
	// assertionLife is how long a client's assertion is good for; it is used at once.
	assertionLife = time.Minute
	// leastRSA is the shortest modulus that JWS allows, in bits (RFC 7518, section 3.3).
	leastRSA = 2048
)

// Client returns the handle on a client of OAuth 2.0, of the keys that its requests need:
// client_secret (RFC 6749, section 2.3.1), private_key (RFC 7523), subject_token (RFC 8693).
// client_id and, beside private_key, key_id are there if they are. What cannot be sent, or is
// no key, keeps the last good ones.
func (s *Store) Client(namespace, secret string, keys ...string) *Derived[*Snapshot] {
	var optional []string
	if !slices.Contains(keys, clientID) {
		optional = append(optional, clientID)
	}
	if slices.Contains(keys, clientKey) {
		optional = append(optional, clientKeyID)
	}
	take := shown(keys, clientField, optional...)
	return derive(s, namespace, secret, kind[*Snapshot]{name: "client/" + strings.Join(keys, "/"), take: take, make: itself})
}

func clientField(key, value string) string {
	if key != clientKey {
		return plain(value)
	}
	if _, _, err := readSigner(value); err != nil {
		return err.Error()
	}
	return ""
}

// errNoKey says what is wanted, and nothing of what there is.
var errNoKey = errors.New("is no private key in PEM: RSA of 2048 bits or more, EC (P-256, P-384, P-521) or Ed25519")

// readSigner returns a key, and the one algorithm of JWS that it signs by (RFC 7518, RFC 8037).
func readSigner(text string) (algorithm jwa.SignatureAlgorithm, key any, err error) {
	switch key := parsedKey(keyBlock(text)).(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() >= leastRSA {
			return jwa.RS256(), key, nil
		}
	case *ecdsa.PrivateKey:
		switch key.Curve {
		case elliptic.P256():
			return jwa.ES256(), key, nil
		case elliptic.P384():
			return jwa.ES384(), key, nil
		case elliptic.P521():
			return jwa.ES512(), key, nil
		}
	case ed25519.PrivateKey:
		return jwa.EdDSA(), key, nil
	}
	return algorithm, nil, errNoKey
}

// keyBlock is what the first key in a text has between its lines of PEM; nil for none. OpenSSL
// writes the parameters of a curve before the key, and others a certificate.
func keyBlock(text string) []byte {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block.Bytes
		}
	}
}

// parsedKey is what is in a block of PEM, in any of the forms that keys have; nil for none.
func parsedKey(der []byte) any {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

// assertion is a JWT by which a client says who it is (RFC 7523, section 3), signed by its
// key. Each has an id of its own: it is good for one request.
func assertion(client *Snapshot, audience string, now time.Time) (string, error) {
	algorithm, key, _ := readSigner(client.Value(clientKey).secret) // which took it, or else nothing is signed with it
	header := jws.NewHeaders()                                      // whose names take any text
	_ = header.Set(jws.TypeKey, "JWT")
	if id := client.Value(clientKeyID).secret; id != "" {
		_ = header.Set(jws.KeyIDKey, id)
	}
	id := client.Value(clientID).secret
	claims, _ := json.Marshal(struct { // texts and numbers alone, for which JSON always has a form
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		ID       string `json:"jti"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{id, id, audience, rand.Text(), now.Unix(), now.Add(assertionLife).Unix()})
	signed, err := jws.Sign(claims, jws.WithKey(algorithm, key, jws.WithProtectedHeaders(header)))
	return string(signed), err
}
