package creds

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
)

// AllowedHosts is the reserved key of a Secret that names, one host[:port] a line,
// where its other keys may be sent.
const AllowedHosts = "allowedHosts"

// Options are those of a Store.
type Options struct {
	// Tree holds the Secrets as they are mounted into a Pod, NAMESPACE/SECRET/KEY.
	Tree fs.FS
	// RequireAllowedHosts lets Secrets that do not say where they may be sent be sent
	// nowhere.
	RequireAllowedHosts bool
}

// Store reads Secrets from a tree of files. It is safe for concurrent use.
//
// It returns one handle for equal arguments, so that last good values outlive a reload
// of the document.
type Store struct {
	options Options

	mu     sync.Mutex
	groups map[string]*Group
}

// NewStore returns a Store.
func NewStore(o Options) *Store {
	return &Store{options: o, groups: map[string]*Group{}}
}

// Group returns the handle on keys that belong together and are shown to others: they
// change together or not at all, and one that goes missing keeps the last good values.
func (s *Store) Group(namespace, secret string, keys ...string) *Group {
	return s.group(namespace, secret, "keys/"+strings.Join(keys, "/"), shown(keys, nil))
}

// Authorities returns the handle on ca.crt. What holds no certificate keeps the last
// good value.
func (s *Store) Authorities(namespace, secret string) *Group {
	return s.group(namespace, secret, "authorities", shown([]string{authorities}, fits((*Snapshot).Pool)))
}

// KeyPair returns the handle on tls.crt and tls.key. A pair that does not fit together
// keeps the last good one.
func (s *Store) KeyPair(namespace, secret string) *Group {
	return s.group(namespace, secret, "pair", shown([]string{certificate, privateKey}, fits((*Snapshot).KeyPair)))
}

// Callers returns the handle on every key of a Secret by which callers are known: what
// is taken away is gone, and each key stands alone.
func (s *Store) Callers(namespace, secret string) *Group {
	return s.group(namespace, secret, "callers", callers)
}

func (s *Store) group(namespace, secret, kind string, take func(*folder, *Snapshot) (*Snapshot, *Problem)) *Group {
	dir := namespace + "/" + secret
	id := dir + "/" + kind
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[id]
	if !ok {
		g = &Group{Secret: secret, dir: dir, take: take}
		s.groups[id] = g
		g.reload(s.options.Tree, s.options.RequireAllowedHosts)
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
		settled = g.reload(s.options.Tree, s.options.RequireAllowedHosts) && settled
	}
	return settled
}

// Forget drops the groups that are not among those in use, and their values.
func (s *Store) Forget(inUse []*Group) {
	used := make(map[*Group]bool, len(inUse))
	for _, g := range inUse {
		used[g] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, g := range s.groups {
		if !used[g] {
			delete(s.groups, id)
		}
	}
}

// ErrMissing is returned for a group of which no good value was ever read, or for
// callers whose Secret is gone or empty.
var ErrMissing = errors.New("the secret or a key of it is missing or empty")

// ErrUnfit is returned for a group whose values are there and cannot be used.
var ErrUnfit = errors.New("the secret cannot be used")
