package creds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"sync"
)

// hasher hashes secrets with a salt of its own, so that nobody outside can choose the hash: how
// long it takes to look one up says nothing about how much of a secret was right. It is safe for
// concurrent use.
type hasher struct{ idle sync.Pool } // of *hashing

// hashing hashes one text at a time.
type hashing struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newHasher() *hasher {
	salt := make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // never fails, see its documentation
	return &hasher{idle: sync.Pool{New: func() any { return &hashing{mac: hmac.New(sha256.New, salt)} }}}
}

// sum hashes texts, with a zero byte between two.
func (h *hasher) sum(first string, more ...string) [sha256.Size]byte {
	s := h.idle.Get().(*hashing)
	defer h.idle.Put(s)
	s.text = append(s.text[:0], first...)
	for _, next := range more {
		s.text = append(append(s.text, 0), next...)
	}
	defer clear(s.text)
	s.mac.Reset()
	s.mac.Write(s.text)
	s.mac.Sum(s.sum[:0])
	return s.sum
}
