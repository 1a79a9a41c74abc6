package creds

import (
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Source is a Secret or a ConfigMap as one of its readers sees it: what is wrong with it,
// whatever is made of it.
type Source interface {
	// Object is its kind and name.
	Object() (kind routeconfig.Kind, name string)
	// Problem is what is wrong with it now, or nil.
	Problem() *Problem
	// Life is how long it is, and may be, in use.
	Life(now time.Time) Life
	files
}

// files are where a Source comes from.
type files interface {
	// at is their folder in the tree.
	at() string
	reload(o *Options) (settled bool)
}

// Derived keeps what was last made of a Secret: a key pair, a table of keys, or the values
// themselves. It is made when the Secret changes, never by a call. Where nothing can be made
// of a changed Secret the last good one stays, and Problem says so. It is safe for
// concurrent use.
type Derived[T any] struct {
	name, dir string
	kind      kind[T]
	current   atomic.Pointer[made[T]]
	problem   atomic.Pointer[Problem]
}

// made is what was made of a snapshot. It is immutable.
type made[T any] struct {
	from  *Snapshot
	value T
	since time.Time
	ends  ends
}

// kind says what of a Secret is read and what is made of it.
type kind[T any] struct {
	// of is Secret, where nothing else is said.
	of routeconfig.Kind
	// name tells kinds apart: those of one name on one object are one.
	name string
	// take reads the keys, or says which of the values of before stay.
	take func(files *folder, old *Snapshot) (*Snapshot, *Problem)
	// make says in words of its own, without any of the Secret's, what cannot be made.
	make func(*Snapshot) (T, error)
	// tells is the key that is named then.
	tells string
}

// Problem says what is wrong with a Secret.
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

// Get returns what was made of the Secret. Without any the error is a Fault: ErrMissing, or
// ErrUnfit where the values are there and cannot be used.
func (d *Derived[T]) Get() (T, error) {
	if m := d.current.Load(); m != nil {
		return m.value, nil
	}
	var none T
	return none, d.fault()
}

// Object implements Source.
func (d *Derived[T]) Object() (kind routeconfig.Kind, name string) { return d.kind.of, d.name }

// Problem implements Source.
func (d *Derived[T]) Problem() *Problem { return d.problem.Load() }

func (d *Derived[T]) at() string { return d.dir }

// reload reads the Secret's files. It reports whether they had been left alone long enough
// to be believed; until then everything stays as it is.
func (d *Derived[T]) reload(o *Options) (settled bool) {
	old, files := d.current.Load(), open(o.Tree, d.dir)
	fresh, problem := d.next(old, files, o)
	if !files.whole() || fresh != old && old != nil && !files.settled() {
		return false
	}
	d.current.Store(fresh)
	if problem != nil {
		problem.Since = time.Now()
		if before := d.problem.Load(); before != nil {
			problem.Since = before.Since
		}
	}
	d.problem.Store(problem)
	return true
}

// next is what the files make of what there was, nil for nothing any more, and what is
// wrong with them.
func (d *Derived[T]) next(old *made[T], files *folder, o *Options) (*made[T], *Problem) {
	from, problem := d.kind.take(files, old.snapshot())
	if from == nil {
		return nil, problem
	}
	d.restrict(from, files, o)
	fresh, err := d.make(old, from)
	if err == nil {
		return fresh, problem
	}
	problem = &Problem{Keys: []string{d.kind.tells}, Message: err.Error(), Stale: old != nil}
	if old == nil {
		return nil, problem
	}
	last := old.from.again()
	d.restrict(last, files, o)   // whoever may get the last good one is said by the Secret as it is
	fresh, _ = d.make(old, last) // of values of which it could be made before
	return fresh, problem
}

// restrict reads who may get the values; whoever can be named may get a ConfigMap's.
func (d *Derived[T]) restrict(s *Snapshot, files *folder, o *Options) {
	switch d.kind.of {
	case routeconfig.KindSecret:
		s.restrict(files, o)
	case routeconfig.KindToken:
		s.restrictToken(files, o)
	case routeconfig.KindConfigMap:
	}
}

// make is what there was where the snapshot says the same.
func (d *Derived[T]) make(old *made[T], from *Snapshot) (*made[T], error) {
	if old != nil && old.from.equal(from) {
		return old, nil
	}
	value, err := d.kind.make(from)
	if err != nil {
		return nil, err
	}
	return &made[T]{from, value, time.Now(), endsOf(from)}, nil
}

func (m *made[T]) snapshot() *Snapshot {
	if m == nil {
		return nil
	}
	return m.from
}
