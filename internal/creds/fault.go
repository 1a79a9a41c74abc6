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
	// Kind is ErrMissing, ErrUnfit, ErrForbidden, the cause for which a context has ended, or nil.
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
	return d.forbidden(s.Forbids(host, port))
}

// ForbidsToken is Forbids for the authority of a token endpoint.
func (d *Derived[T]) ForbidsToken(s *Snapshot, host, port string) *Fault {
	_, why := s.ForbidsToken(host, port)
	if fault := d.forbidden(why); fault != nil {
		fault.Text += " (the token endpoint)"
		return fault
	}
	return nil
}

func (d *Derived[T]) forbidden(why string) *Fault {
	if why == "" {
		return nil
	}
	return &Fault{fmt.Sprintf("%s %q: %s", d.kind.of, d.name, why), ErrForbidden}
}

// ShowToken is Show for the authority of a token endpoint.
func (d *Derived[T]) ShowToken(host, port string) (T, error) {
	return d.show(d.ForbidsToken, host, port)
}

// RefusesToken is Refuses for the authority of a token endpoint. Key is the one that says so.
func (d *Derived[T]) RefusesToken(host, port string) (key, why string) {
	if m := d.current.Load(); m != nil {
		return m.from.ForbidsToken(host, port)
	}
	return "", ""
}

// Refuses says why what was made of the Secret may not be shown to an authority; nothing
// where it may, and where there is none.
func (d *Derived[T]) Refuses(host, port string) string {
	if m := d.current.Load(); m != nil {
		return m.from.Forbids(host, port)
	}
	return ""
}

// Show returns what was made of the Secret, unless it may not be shown to an authority, or
// there is none. The host is without brackets.
func (d *Derived[T]) Show(host, port string) (T, error) { return d.show(d.Forbids, host, port) }

func (d *Derived[T]) show(forbids func(s *Snapshot, host, port string) *Fault, host, port string) (none T, err error) {
	m := d.current.Load()
	if m == nil {
		return none, d.fault()
	}
	if fault := forbids(m.from, host, port); fault != nil {
		return none, fault
	}
	return m.value, nil
}
