package creds

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// Keys of the type kubernetes.io/basic-auth, and those of a client of OAuth 2.0.
const (
	username     = "username"
	password     = "password"
	clientID     = "client_id"
	clientSecret = "client_secret"
)

// Options are those of a Store.
type Options struct {
	// Tree holds the Secrets as they are mounted into a Pod, NAMESPACE/SECRET/KEY.
	Tree fs.FS
	// RequireAllowedHosts lets Secrets that do not say where they may be sent be sent
	// nowhere.
	RequireAllowedHosts bool
	// NamesByRoute lets the names in AllowedHosts allow nothing, and the addresses alone:
	// whoever writes the route decides where names lead, and so could have such a Secret
	// sent to any host.
	NamesByRoute bool
}

// Store reads Secrets from a tree of files. It is safe for concurrent use.
//
// It returns one handle for equal arguments, so that last good values outlive a reload
// of the document.
type Store struct {
	options Options

	mu     sync.Mutex
	groups map[string]*Group
	// folders are the groups of each NAMESPACE/SECRET.
	folders map[string][]*Group
}

// NewStore returns a Store.
func NewStore(o Options) *Store {
	return &Store{options: o, groups: map[string]*Group{}, folders: map[string][]*Group{}}
}

// Group returns the handle on keys that belong together and are shown to others: they
// change together or not at all, and one that goes missing keeps the last good values. The
// values may hold anything.
func (s *Store) Group(namespace, secret string, keys ...string) *Group {
	return s.group(namespace, secret, "keys/"+strings.Join(keys, "/"), shown(keys, anything, nil))
}

// Field returns the handle on a value that stands in a header field (RFC 9110, section
// 5.5). One that cannot keeps the last good one.
func (s *Store) Field(namespace, secret, key string) *Group {
	return s.group(namespace, secret, "field/"+key, shown([]string{key}, each(field), nil))
}

// Basic returns the handle on username and password (RFC 7617). A pair that the scheme has
// no form for keeps the last good one.
func (s *Store) Basic(namespace, secret string) *Group {
	return s.group(namespace, secret, "basic", shown([]string{username, password}, pair, nil))
}

// Client returns the handle on client_id and client_secret (RFC 6749, section 2.3.1). What
// is no text keeps the last good pair.
func (s *Store) Client(namespace, secret string) *Group {
	return s.group(namespace, secret, "client", shown([]string{clientID, clientSecret}, each(plain), nil))
}

// Authorities returns the handle on ca.crt. What holds no certificate keeps the last
// good value.
func (s *Store) Authorities(namespace, secret string) *Group {
	return s.group(namespace, secret, "authorities", shown([]string{authorities}, anything, fits((*Snapshot).Pool)))
}

// KeyPair returns the handle on tls.crt and tls.key. A pair that does not fit together
// keeps the last good one.
func (s *Store) KeyPair(namespace, secret string) *Group {
	return s.group(namespace, secret, "pair", shown([]string{certificate, privateKey}, anything, fits((*Snapshot).KeyPair)))
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
		s.folders[dir] = append(s.folders[dir], g)
		g.reload(&s.options)
	}
	return g
}

// Reload reads again what may have changed: paths within the tree, of which NAMESPACE/SECRET
// counts; a shorter one stands for everything below it, "." for all. It returns false where
// a file has changed so lately that it may still be being written; the caller reloads the
// same once more then.
func (s *Store) Reload(changed []string) (settled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	settled = true
	for g := range s.below(changed) {
		settled = g.reload(&s.options) && settled
	}
	return settled
}

// below are the groups of some paths, each once.
func (s *Store) below(paths []string) map[*Group]bool {
	found := map[*Group]bool{}
	for _, path := range paths {
		parts := strings.SplitN(path, "/", 3)
		if len(parts) > 1 {
			for _, g := range s.folders[parts[0]+"/"+parts[1]] {
				found[g] = true
			}
			continue
		}
		for _, g := range s.groups {
			if path == "." || strings.HasPrefix(g.dir, path+"/") {
				found[g] = true
			}
		}
	}
	return found
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
	for dir, list := range s.folders {
		s.folders[dir] = slices.DeleteFunc(list, func(g *Group) bool { return !used[g] })
		if len(s.folders[dir]) == 0 {
			delete(s.folders, dir)
		}
	}
}

// ErrMissing is returned for a group of which no good value was ever read, or for
// callers whose Secret is gone or empty.
var ErrMissing = errors.New("the secret or a key of it is missing or empty")

// ErrUnfit is returned for a group whose values are there and cannot be used.
var ErrUnfit = errors.New("the secret cannot be used")
