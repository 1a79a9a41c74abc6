package creds

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// maxNamed is how many fields a Secret may name.
const maxNamed = 32

// Headers returns the handle on every key of a Secret, each the name of a field with its
// value (RFC 9110, section 5). Where one of them cannot be sent the last good ones stay, all
// of them: who reads half a credential learns no more than who reads none.
func (s *Store) Headers(namespace, secret string) *Derived[*Snapshot] {
	return derive(s, namespace, secret, kind[*Snapshot]{name: "headers", take: named, make: itself})
}

// Fields yields the names of fields and their values, always in the same order.
func (s *Snapshot) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.values)) {
			if !yield(name, s.values[name]) {
				return
			}
		}
	}
}

// named takes all keys there are, or what was good before.
func named(files *folder, old *Snapshot) (*Snapshot, *Problem) {
	problem := &Problem{Stale: old != nil}
	names, err := files.keys()
	switch {
	case err != nil:
		problem.Message = "the folder of the secret cannot be read"
		return old.again(), problem
	case len(names) == 0:
		return old.again(), problem
	case len(names) > maxNamed:
		problem.Message = fmt.Sprintf("it has %d keys, at most %d are sent", len(names), maxNamed)
		return old.again(), problem
	}
	s, seen := &Snapshot{values: map[string]Value{}}, map[string]bool{}
	for _, name := range names {
		content, fault := take(files, name, each(field))
		folded := strings.ToLower(name)
		switch {
		case unnameable(folded):
			problem.add(name, "is the name of no field that may be set here: take another")
		case seen[folded]:
			problem.add(name, "is there twice, in another case: leave one")
		case fault != "":
			problem.add(name, fault)
		case content == "":
			problem.add(name, "is missing or empty")
		}
		seen[folded], s.values[name] = true, Value{content}
	}
	if len(problem.Keys) > 0 {
		return old.again(), problem
	}
	return s, nil
}

// unnameable reports whether a name, in lower case, is no token (RFC 9110, section 5.6.2), or
// that of a field that the exchange itself has.
func unnameable(name string) bool {
	if strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}) {
		return true
	}
	switch name {
	case "connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive",
		"proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade":
		return true
	}
	return strings.HasPrefix(name, "grpc-")
}
