package creds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// Callers knows callers by their keys. It is immutable.
type Callers struct {
	salt  []byte
	names map[[sha256.Size]byte]string
}

// newCallers takes each key of the Secret for a caller's name and each line of its value
// for one of the caller's keys. A key of several callers is none.
func newCallers(s *Snapshot) (*Callers, error) {
	c := &Callers{salt: make([]byte, sha256.Size), names: map[[sha256.Size]byte]string{}}
	_, _ = rand.Read(c.salt) // never fails, see its documentation
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
	mac := hmac.New(sha256.New, c.salt)
	mac.Write([]byte(key))
	return [sha256.Size]byte(mac.Sum(nil))
}
