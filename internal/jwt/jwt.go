// Package jwt judges the tokens by which callers say who they are: JSON Web Tokens (RFC
// 7519), signed by an issuer whose keys are fetched here and kept. What a token says is
// looked at before its signature is, and believed after it.
package jwt

import (
	"crypto/rand"
	"crypto/sha256"
	"time"
)

// MaxToken bounds a token, in bytes.
const MaxToken = 16 << 10

// Digest stands for a token. It is keyed, and of use to its Digests alone.
type Digest [sha256.Size]byte

// Digests makes digests of tokens. Those of one are comparable with each other.
type Digests struct{ salt [sha256.Size]byte }

// NewDigests returns a Digests with a key of its own.
func NewDigests() *Digests {
	d := &Digests{}
	_, _ = rand.Read(d.salt[:]) // never fails, see its documentation
	return d
}

// Of returns the digest of a token. One of common size needs no memory of its own.
func (d *Digests) Of(token string) Digest {
	var common [2048]byte
	b := append(common[:0], d.salt[:]...)
	return sha256.Sum256(append(b, token...))
}

// Verdict is what became of a token.
type Verdict uint8

// The verdicts.
const (
	// Refused tokens are not the issuer's, not for us, not valid now, or not tokens at all.
	Refused Verdict = iota
	// Admitted tokens name their caller.
	Admitted
	// Unjudged is a token for want of the issuer's keys.
	Unjudged
)

// Caller is who an admitted token is of.
type Caller struct {
	Name string
	// Claims is what the token says, a JSON object. It is shared, and never changed.
	Claims []byte
	// until is when the token ends, the skew of clocks included.
	until time.Time
}
