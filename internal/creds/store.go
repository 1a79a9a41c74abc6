package creds

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// AllowedHosts is the reserved key of a Secret that names, one host[:port] a line,
// where its other keys may be sent.
const AllowedHosts = "allowedHosts"

// Store reads Secrets from a tree of files, NAMESPACE/SECRET/KEY, as they are
// mounted into a Pod. It is safe for concurrent use.
type Store struct {
	tree fs.FS

	mu     sync.Mutex
	groups map[string]*Group
}

// NewStore returns a Store over a tree.
func NewStore(tree fs.FS) *Store { return &Store{tree: tree, groups: map[string]*Group{}} }

// Group returns the handle on keys of a Secret that belong together: they change
// together or not at all. Without keys it is every key of the Secret. Equal
// arguments yield the same handle, so that last good values outlive a reload of
// the document.
func (s *Store) Group(namespace, secret string, keys ...string) *Group {
	id := strings.Join(append([]string{namespace, secret}, keys...), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[id]
	if !ok {
		g = &Group{Secret: secret, dir: namespace + "/" + secret, keys: keys}
		s.groups[id] = g
		g.reload(s.tree)
	}
	return g
}

// Reload reads all groups again. It returns false where a file has changed so
// lately that it may still be being written; the caller reloads once more then.
func (s *Store) Reload() (settled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	settled = true
	for _, g := range s.groups {
		if !g.reload(s.tree) {
			settled = false
		}
	}
	return settled
}

// Forget drops the groups that are not among those in use, and their values.
func (s *Store) Forget(inUse []*Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, g := range s.groups {
		if !slices.Contains(inUse, g) {
			delete(s.groups, id)
		}
	}
}

// ErrMissing is returned for a group of which no good value was ever read.
var ErrMissing = errors.New("the secret or a key of it is missing or empty")
