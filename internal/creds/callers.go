package creds

import "crypto/sha256"

// Callers knows callers by their keys. It is immutable.
type Callers struct {
	hasher *hasher
	names  map[[sha256.Size]byte]string
}

// newCallers takes each key of the Secret for a caller's name and each line of its value
// for one of the caller's keys. A key of several callers is none.
func newCallers(s *Snapshot) (*Callers, error) {
	c := &Callers{hasher: newHasher(), names: map[[sha256.Size]byte]string{}}
	for key, names := range owners(s.values) {
		if len(names) == 1 {
			c.names[c.hasher.sum(key)] = names[0]
		}
	}
	return c, nil
}

// Name returns the name of the caller with this key.
func (c *Callers) Name(key string) (name string, ok bool) {
	name, ok = c.names[c.hasher.sum(key)]
	return name, ok
}
