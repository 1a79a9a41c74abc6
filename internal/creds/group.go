package creds

import (
	"maps"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
)

// Group is a handle on values of a Secret.
type Group struct {
	// Secret is the Secret's name.
	Secret string

	dir     string
	take    func(files *folder, old *Snapshot) (*Snapshot, *Problem)
	current atomic.Pointer[Snapshot]
	problem atomic.Pointer[Problem]
}

// Snapshot is the values of a group at one time. It is immutable.
type Snapshot struct {
	values map[string]Value
	hosts  *dial.Hosts // nil for all
}

// Problem says what is wrong with the files of a group.
type Problem struct {
	// Keys are those that cannot be used; none where it is the Secret as a whole, which is
	// missing or has no key at all.
	Keys []string
	// Message is set where more is wrong than that they are missing or empty.
	Message string
	// Stale says that values of before are still used. Since is when the problem began,
	// by the monotonic clock.
	Stale bool
	Since time.Time
}

// Snapshot returns the values to use. Without any the error is a Fault: ErrMissing, or
// ErrUnfit where they are there and cannot be used.
func (g *Group) Snapshot() (*Snapshot, error) {
	if s := g.current.Load(); s != nil {
		return s, nil
	}
	return nil, g.fault()
}

// Problem returns what is wrong with the files now, or nil.
func (g *Group) Problem() *Problem { return g.problem.Load() }

// Value returns the value of a key.
func (s *Snapshot) Value(key string) Value { return s.values[key] }

// Values returns all values but AllowedHosts, by key. They are not to be changed.
func (s *Snapshot) Values() map[string]Value { return s.values }

// reload reads the group's files. It reports whether they had been left alone long
// enough to be believed; until then the values stay as they are.
func (g *Group) reload(o *Options) (settled bool) {
	old, files := g.current.Load(), open(o.Tree, g.dir)
	fresh, problem := g.take(files, old)
	if fresh != nil {
		fresh.restrict(files, o)
	}
	same := old.equal(fresh)
	if !files.whole() || !same && old != nil && !files.settled() {
		return false
	}
	if !same {
		g.current.Store(fresh)
	}
	if problem != nil {
		problem.Since = time.Now()
		if before := g.problem.Load(); before != nil {
			problem.Since = before.Since
		}
	}
	g.problem.Store(problem)
	return true
}

func (s *Snapshot) equal(other *Snapshot) bool {
	if s == nil || other == nil {
		return s == other
	}
	return maps.Equal(s.values, other.values) && s.hosts.Equal(other.hosts)
}
