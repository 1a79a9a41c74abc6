package creds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"sync"
)

// Callers knows callers by their keys. It is immutable.
type Callers struct {
	names   map[[sha256.Size]byte]string
	hashers sync.Pool // of *hasher, all with one salt
}

// hasher hashes one key at a time.
type hasher struct {
	mac hash.Hash
	key []byte
	sum [sha256.Size]byte
}

// newCallers takes each key of the Secret for a caller's name and each line of its value
// for one of the caller's keys. A key of several callers is none.
func newCallers(s *Snapshot) (*Callers, error) {
	c, salt := &Callers{names: map[[sha256.Size]byte]string{}}, make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // never fails, see its documentation
	c.hashers.New = func() any { return &hasher{mac: hmac.New(sha256.New, salt)} }
	for key, names := range owners(s.values) {
		if len(names) == 1 {
			c.names[c.digest(key)] = names[0]
		}
	}
	return c, nil
}

// Name returns the name of the caller with this key. Keys are looked up by a keyed hash: how
// long that takes says nothing about how much of a key was right, since nobody outside can
// choose the hash.
func (c *Callers) Name(key string) (name string, ok bool) {
	name, ok = c.names[c.digest(key)]
	return name, ok
}

func (c *Callers) digest(key string) [sha256.Size]byte {
	h := c.hashers.Get().(*hasher)
	defer c.hashers.Put(h)
	h.key = append(h.key[:0], key...)
	defer clear(h.key)
	h.mac.Reset()
	h.mac.Write(h.key)
	h.mac.Sum(h.sum[:0])
	return h.sum
}
