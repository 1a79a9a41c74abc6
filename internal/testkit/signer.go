package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync"
	"testing"
)

// Signer makes tokens as an issuer does, by ES256. It is safe for concurrent use.
type Signer struct {
	t testing.TB

	mu        sync.Mutex
	id        string
	key       *ecdsa.PrivateKey
	published []map[string]string
}

// NewSigner returns a Signer with one key, by its name.
func NewSigner(t testing.TB, id string) *Signer {
	t.Helper()
	s := &Signer{t: t}
	s.Rotate(id)
	return s
}

// Rotate signs with a new key from now on. The one before stays published.
func (s *Signer) Rotate(id string) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.key = id, key
	s.published = append(s.published[max(len(s.published)-1, 0):len(s.published):len(s.published)], map[string]string{
		"kid": id, "kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:]),
	})
}

// Keys is the JWK Set of the last two keys.
func (s *Signer) Keys() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, _ := json.Marshal(map[string]any{"keys": s.published}) // of texts alone
	return raw
}

// Sign makes a token of claims.
func (s *Signer) Sign(claims map[string]any) string {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	payload, err := json.Marshal(claims)
	if err != nil {
		s.t.Fatal(err)
	}
	input := encode([]byte(`{"alg":"ES256","kid":"`+s.id+`"}`)) + "." + encode(payload)
	sum := sha256.Sum256([]byte(input))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		s.t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return input + "." + encode(signature)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
