package creds

import (
	"fmt"
	"strings"
)

// Fault is why there is no credential. Its text is ours alone: it holds no value of a
// Secret and nothing that a peer wrote, and it stays the same while the cause does, so that
// it may stand in a status and in a log.
type Fault struct {
	// Text says it.
	Text string
	// Kind is ErrMissing, ErrUnfit, the cause for which a context has ended, or nil.
	Kind error
}

// Error implements error.
func (f *Fault) Error() string { return f.Text }

// Unwrap returns the kind.
func (f *Fault) Unwrap() error { return f.Kind }

// fault says what is wrong with an object of which nothing can be used.
func (d *Derived[T]) fault() *Fault {
	p := d.problem.Load()
	switch {
	case p == nil || len(p.Keys) == 0 && p.Message == "":
		return &Fault{fmt.Sprintf("%s %q is missing or empty", d.kind.of, d.name), ErrMissing}
	case p.Message != "":
		return &Fault{fmt.Sprintf("%s %q: %s", d.kind.of, d.name, p.Message), ErrUnfit}
	}
	quoted := make([]string, len(p.Keys))
	for i, key := range p.Keys {
		quoted[i] = fmt.Sprintf("%q", key)
	}
	return &Fault{fmt.Sprintf("%s %q lacks the key %s", d.kind.of, d.name, strings.Join(quoted, " and ")), ErrMissing}
}

// Forbids returns why the values of a snapshot may not be sent to an authority, or nil
// where they may. The host is without brackets.
func (d *Derived[T]) Forbids(s *Snapshot, host, port string) *Fault {
	why := s.Forbids(host, port)
	if why == "" {
		return nil
	}
	return &Fault{fmt.Sprintf("%s %q: %s", d.kind.of, d.name, why), ErrUnfit}
}
