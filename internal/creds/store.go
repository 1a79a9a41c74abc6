package creds

import (
	"errors"
	"io/fs"
	"maps"
	"strings"
	"sync"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Options are those of a Store.
type Options struct {
	// Tree holds Secrets and ConfigMaps as they are mounted into a Pod, NAMESPACE/FOLDER/KEY:
	// see routeconfig.Reference.Folder.
	Tree fs.FS
	// RequireAllowedHosts lets Secrets that do not say where they may be sent be sent
	// nowhere.
	RequireAllowedHosts bool
	// TokenHosts is the name of the Secret whose reserved keys stand beside the tokens of the
	// service account; for words alone, and empty where it is not known.
	TokenHosts string
	// NamesByRoute lets the names in AllowedHosts allow nothing, and the addresses alone:
	// whoever writes the route decides where names lead, and so could have such a Secret
	// sent to any host.
	NamesByRoute bool
}

// Store reads Secrets and ConfigMaps from a tree of files. It is safe for concurrent use.
//
// It returns one handle for equal arguments, so that last good values outlive a reload
// of the document.
type Store struct {
	options Options

	mu      sync.Mutex
	sources map[string]Source
	// folders are the sources of each NAMESPACE/FOLDER.
	folders map[string][]Source
}

// NewStore returns a Store.
func NewStore(o Options) *Store {
	return &Store{options: o, sources: map[string]Source{}, folders: map[string][]Source{}}
}

// derive returns the handle on what is made of an object, which is read at once where
// nobody has one yet.
func derive[T any](s *Store, namespace, name string, k kind[T]) *Derived[T] {
	dir := namespace + "/" + (&routeconfig.Reference{Kind: k.of, Name: name}).Folder()
	id := dir + "/" + k.name
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.sources[id].(*Derived[T]); ok {
		return known
	}
	d := &Derived[T]{name: name, dir: dir, kind: k}
	s.sources[id] = d
	s.folders[dir] = append(s.folders[dir], d)
	d.reload(&s.options)
	return d
}

// Reload reads again what may have changed: paths within the tree, of which NAMESPACE/FOLDER
// counts; a shorter one stands for everything below it, "." for all. It returns false where
// a file has changed so lately that it may still be being written; the caller reloads the
// same once more then.
func (s *Store) Reload(changed []string) (settled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	settled = true
	for source := range s.below(changed) {
		settled = source.reload(&s.options) && settled
	}
	return settled
}

// below are the sources of some paths, each once.
func (s *Store) below(paths []string) map[Source]bool {
	found := map[Source]bool{}
	for _, path := range paths {
		parts := strings.SplitN(path, "/", 3)
		if len(parts) > 1 {
			for _, source := range s.folders[parts[0]+"/"+parts[1]] {
				found[source] = true
			}
			continue
		}
		for _, source := range s.sources {
			if path == "." || strings.HasPrefix(source.at(), path+"/") {
				found[source] = true
			}
		}
	}
	return found
}

// Forget drops the sources that are not among those in use, and what was made of them.
func (s *Store) Forget(inUse []Source) {
	used := make(map[Source]bool, len(inUse))
	for _, source := range inUse {
		used[source] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.sources, func(_ string, source Source) bool { return !used[source] })
	s.folders = map[string][]Source{}
	for _, source := range s.sources {
		s.folders[source.at()] = append(s.folders[source.at()], source)
	}
}

// ErrMissing is returned for a Secret of which no good value was ever read, or for
// callers whose Secret is gone or empty.
var ErrMissing = errors.New("the secret or a key of it is missing or empty")

// ErrUnfit is returned for a Secret whose values are there and cannot be used.
var ErrUnfit = errors.New("the secret cannot be used")

// ErrForbidden is returned for a Secret that may not be sent where it would be.
var ErrForbidden = errors.New("the secret may not be sent there")
