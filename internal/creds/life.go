package creds

import (
	"crypto/x509"
	"encoding/pem"
	"time"
)

// Life is since when a proxy uses what it uses of an object, and when that ends.
type Life struct {
	// Since is by the wall clock; zero where there is nothing in use.
	Since time.Time
	// Ends is that of certificates; zero where there are none.
	Ends time.Time
	// Problem is what is wrong now.
	Problem Kind
}

// Kind is a word for what is wrong with an object, for metrics: Problem says it in full.
type Kind string

// What may be wrong with an object.
const (
	NoProblem Kind = ""
	Absent    Kind = "absent"    // it is missing, or has no key at all
	KeyAbsent Kind = "key"       // it lacks a key that the route needs, or the key is empty
	Unfit     Kind = "unfit"     // it cannot be read, or holds what nothing can be made of
	Forbidden Kind = "forbidden" // it may not be sent where the route would send it
)

// Kinds are all problems that there are.
func Kinds() []Kind { return []Kind{Absent, KeyAbsent, Unfit, Forbidden} }

func (p *Problem) kind() Kind {
	switch {
	case p == nil:
		return NoProblem
	case p.Message != "":
		return Unfit
	case len(p.Keys) > 0:
		return KeyAbsent
	}
	return Absent
}

// Life implements Source. What is Forbidden is not known here: it hangs on whom it is sent to.
func (d *Derived[T]) Life(now time.Time) Life {
	life := Life{Problem: d.problem.Load().kind()}
	if m := d.current.Load(); m != nil {
		life.Since, life.Ends = m.since, m.ends.of(now)
	}
	return life
}

// ends are when certificates do that were made of an object.
type ends struct {
	list []time.Time
	any  bool // each is good without the others
}

// endsOf reads them out of the keys that certificates stand in. Nothing was made of what
// cannot be read.
func endsOf(s *Snapshot) ends {
	if pair := s.Value(certificate).secret; pair != "" {
		return ends{list: endings(pair)}
	}
	return ends{endings(s.Value(authorities).secret), true}
}

func endings(content string) (list []time.Time) {
	for block, rest := pem.Decode([]byte(content)); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			list = append(list, c.NotAfter)
		}
	}
	return list
}

// of is when the first of a chain ends, which is no good without it. Of authorities it is the
// first that has not ended yet: one that has is of no use to anybody, and no reason to act while
// there is another; where none is left it is the last one.
func (e ends) of(now time.Time) (first time.Time) {
	var last time.Time
	for _, end := range e.list {
		if end.After(last) {
			last = end
		}
		if e.any && !end.After(now) {
			continue
		}
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	if first.IsZero() {
		return last
	}
	return first
}

// Ends is when the token in use ends, by the wall clock; zero where there is none.
func (t *TokenSource) Ends() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current.endsAt.Round(0)
}
