package creds

import (
	"maps"

	"github.com/fanout-operator/fanout/internal/dial"
)

// Snapshot is the values of a Secret that belong together, at one time. It is immutable.
type Snapshot struct {
	values map[string]Value
	hosts  *dial.Hosts // nil for all
	// tokenHosts are those of token endpoints; nil where hosts are.
	tokenHosts *dial.Hosts
}

// Value returns the value of a key.
func (s *Snapshot) Value(key string) Value { return s.values[key] }

// itself is for what is used as it stands in the Secret.
func itself(s *Snapshot) (*Snapshot, error) { return s, nil }

func (s *Snapshot) equal(other *Snapshot) bool {
	return maps.Equal(s.values, other.values) && s.hosts.Equal(other.hosts) && s.tokenHosts.Equal(other.tokenHosts)
}

func (s *Snapshot) lookUp(key string) (v Value, ok bool) {
	if s == nil {
		return v, false
	}
	v, ok = s.values[key]
	return v, ok
}

// again is a copy, nil of nil: what was good stays in use.
func (s *Snapshot) again() *Snapshot {
	if s == nil {
		return nil
	}
	copied := *s
	return &copied
}
