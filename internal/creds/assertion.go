package creds

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // RS256 and ES256
	_ "crypto/sha512" // ES384 and ES512
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"
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
	if _, err := readSigner(value); err != nil {
		return err.Error()
	}
	return ""
}

// errNoKey says what is wanted, and nothing of what there is.
var errNoKey = errors.New("is no private key in PEM: RSA of 2048 bits or more, EC (P-256, P-384, P-521) or Ed25519")

// jwsSigner makes signatures by one algorithm of JWS (RFC 7518, RFC 8037).
type jwsSigner struct {
	algorithm string
	key       crypto.Signer
	hash      crypto.Hash // 0 where the algorithm takes the message itself
	size      int         // of one number of an EC signature, in bytes
}

func readSigner(text string) (*jwsSigner, error) {
	switch key := parsedKey(keyBlock(text)).(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() >= leastRSA {
			return &jwsSigner{algorithm: "RS256", key: key, hash: crypto.SHA256}, nil
		}
	case *ecdsa.PrivateKey:
		switch key.Curve {
		case elliptic.P256():
			return &jwsSigner{"ES256", key, crypto.SHA256, 32}, nil
		case elliptic.P384():
			return &jwsSigner{"ES384", key, crypto.SHA384, 48}, nil
		case elliptic.P521():
			return &jwsSigner{"ES512", key, crypto.SHA512, 66}, nil
		}
	case ed25519.PrivateKey:
		return &jwsSigner{algorithm: "EdDSA", key: key}, nil
	}
	return nil, errNoKey
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
	signer, err := readSigner(client.Value(clientKey).secret)
	if err != nil {
		return "", err
	}
	id := client.Value(clientID).secret
	signed := segment(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid,omitempty"`
	}{signer.algorithm, "JWT", client.Value(clientKeyID).secret}) + "." + segment(struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		ID       string `json:"jti"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{id, id, audience, rand.Text(), now.Unix(), now.Add(assertionLife).Unix()})
	signature, err := signer.sign([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), err
}

// segment is a part of a JWS, of texts and numbers alone, for which JSON always has a form.
func segment(part any) string {
	encoded, _ := json.Marshal(part)
	return base64.RawURLEncoding.EncodeToString(encoded)
}

func (s *jwsSigner) sign(message []byte) ([]byte, error) {
	digest := message
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(message)
		digest = h.Sum(nil)
	}
	key, ok := s.key.(*ecdsa.PrivateKey)
	if !ok {
		return s.key.Sign(rand.Reader, digest, s.hash)
	}
	r, t, err := ecdsa.Sign(rand.Reader, key, digest)
	out := make([]byte, 2*s.size)
	if err == nil { // two numbers, each of one size (RFC 7518, section 3.4)
		r.FillBytes(out[:s.size])
		t.FillBytes(out[s.size:])
	}
	return out, err
}
