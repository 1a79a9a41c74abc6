package creds

import (
	"errors"
	"io/fs"
)

// nobodyLeft ends the fault of a key of which no line admits anybody.
const nobodyLeft = "; nobody gets in by it"

// judge says what is wrong with the content of a key, or nothing, and whether any of it is
// usable. Of what is not, it always says why.
type judge func(content string) (fault string, usable bool)

// asItIs judges nothing: what is made of the key does.
func asItIs(string) (fault string, usable bool) { return "", true }

// lined takes a key of which each line admits somebody: like checked, what is not there any
// more admits nobody, the last line too, and only what cannot be read stays as it was.
func lined(key string, j judge) func(*folder, *Snapshot) (*Snapshot, *Problem) {
	return func(files *folder, old *Snapshot) (*Snapshot, *Problem) {
		problem := &Problem{}
		content, err := files.read(key)
		switch {
		case err == nil && content != "":
			return j.of(key, content)
		case err == nil, errors.Is(err, fs.ErrNotExist):
			problem.Keys = []string{key}
			problem.complete(files, problem.Keys)
			return nil, problem
		case errors.Is(err, errTooLarge):
			problem.add(key, err.Error())
			return nil, problem
		}
		problem.add(key, "cannot be read")
		problem.Stale = old != nil
		return old.again(), problem
	}
}

// of is the snapshot of a key with some content, nil where none of it is usable.
func (j judge) of(key, content string) (s *Snapshot, problem *Problem) {
	fault, usable := j(content)
	if fault != "" {
		problem = &Problem{}
		problem.add(key, fault)
	}
	if usable {
		s = &Snapshot{values: map[string]Value{key: {content}}}
	}
	return s, problem
}
