package creds

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// maxFile is the largest key of a Secret that the API server takes.
	maxFile = 1 << 20
	// settle is how long a file that is no atomic mount must be left alone.
	settle = 100 * time.Millisecond
	// dataLink is re-linked by the kubelet when all files of a volume are written.
	dataLink = "..data"
)

// Group is a handle on keys of a Secret that belong together.
type Group struct {
	// Secret is the Secret's name.
	Secret string

	dir     string
	keys    []string
	current atomic.Pointer[Snapshot]
	problem atomic.Pointer[Problem]
}

// Snapshot is the values of a group at one time. It is immutable.
type Snapshot struct {
	values       map[string]Value
	allowedHosts []string
	restricted   bool
}

// Problem says which keys could not be read.
type Problem struct {
	Keys []string
	// Message is set where more is wrong than that they are missing or empty.
	Message string
}

// Snapshot returns the newest good values, or ErrMissing where there never were
// any.
func (g *Group) Snapshot() (*Snapshot, error) {
	if s := g.current.Load(); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("secret %q: %w", g.Secret, ErrMissing)
}

// Problem returns what is wrong with the files now, or nil. The group may still
// have the values that it had before.
func (g *Group) Problem() *Problem { return g.problem.Load() }

// Value returns the value of a key.
func (s *Snapshot) Value(key string) Value { return s.values[key] }

// Values returns all values but AllowedHosts, by key. They are not to be changed.
func (s *Snapshot) Values() map[string]Value { return s.values }

// Restricted reports whether the Secret says where it may be sent.
func (s *Snapshot) Restricted() bool { return s.restricted }

// Allows reports whether the Secret may be sent to an authority. A Secret without
// the key AllowedHosts may be sent anywhere; an entry without port covers all.
func (s *Snapshot) Allows(host, port string) bool {
	if !s.restricted {
		return true
	}
	host = strings.ToLower(host)
	return slices.Contains(s.allowedHosts, host) || slices.Contains(s.allowedHosts, host+":"+port)
}

// reload reads the group's files. It reports whether they had been left alone
// long enough to be believed.
func (g *Group) reload(tree fs.FS) (settled bool) {
	fresh, newest, problem := g.read(tree)
	if problem != nil {
		g.problem.Store(problem)
		return true
	}
	old := g.current.Load()
	if old != nil && old.equal(fresh) {
		g.problem.Store(nil)
		return true
	}
	if settled = time.Since(newest) >= settle; settled || old == nil {
		g.problem.Store(nil)
		g.current.Store(fresh)
	}
	return settled
}

func (s *Snapshot) equal(other *Snapshot) bool {
	return maps.Equal(s.values, other.values) &&
		s.restricted == other.restricted && slices.Equal(s.allowedHosts, other.allowedHosts)
}

// read reads all keys from one state of the volume. newest is the time of the
// latest change of a file that is not swapped in atomically.
func (g *Group) read(tree fs.FS) (s *Snapshot, newest time.Time, problem *Problem) {
	dir, atomically := g.dir, false
	if target, err := fs.ReadLink(tree, path.Join(g.dir, dataLink)); err == nil {
		dir, atomically = path.Join(g.dir, target), true
	}
	keys, err := g.names(tree, dir)
	if err != nil {
		return nil, newest, &Problem{Keys: g.keys, Message: err.Error()}
	}
	s = &Snapshot{values: map[string]Value{}}
	problem = &Problem{}
	for _, key := range keys {
		content, changed, err := readFile(tree, path.Join(dir, key))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problem.Message = fmt.Sprintf("key %q cannot be read", key)
		}
		if err != nil || content == "" {
			problem.Keys = append(problem.Keys, key)
			continue
		}
		if changed.After(newest) && !atomically {
			newest = changed
		}
		s.values[key] = Value{content}
	}
	s.readAllowedHosts(tree, dir)
	if len(problem.Keys) > 0 || len(s.values) == 0 {
		return nil, newest, problem
	}
	return s, newest, nil
}

// names returns the keys to read: those asked for, or all.
func (g *Group) names(tree fs.FS, dir string) ([]string, error) {
	if len(g.keys) > 0 {
		return g.keys, nil
	}
	entries, err := fs.ReadDir(tree, dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, errors.New("the folder of the secret cannot be read")
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, "..") && name != AllowedHosts {
			names = append(names, name)
		}
	}
	return names, nil
}

// readAllowedHosts reads the reserved key. One that is there but cannot be read
// allows nothing.
func (s *Snapshot) readAllowedHosts(tree fs.FS, dir string) {
	content, _, err := readFile(tree, path.Join(dir, AllowedHosts))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.restricted = true
	for line := range strings.Lines(content) {
		if line = strings.ToLower(strings.TrimSpace(line)); line != "" {
			s.allowedHosts = append(s.allowedHosts, line)
		}
	}
}

// readFile reads a key and cuts exactly one newline from its end.
func readFile(tree fs.FS, name string) (content string, changed time.Time, err error) {
	f, err := tree.Open(name)
	if err != nil {
		return "", changed, err //nolint:wrapcheck // the caller asks for its kind only
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", changed, err //nolint:wrapcheck // as above
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", changed, err //nolint:wrapcheck // as above
	}
	if len(b) > maxFile {
		return "", changed, fmt.Errorf("read %q: more than %d bytes", name, maxFile)
	}
	return string(bytes.TrimSuffix(b, []byte("\n"))), info.ModTime(), nil
}
