package creds

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// shown takes credentials that we show: all of the keys change together, or what was
// good before stays. Half a pair would fail every call until its other half comes.
func shown(keys []string, fits func(*Snapshot) error) func(*folder, *Snapshot) (*Snapshot, *Problem) {
	return func(files *folder, old *Snapshot) (*Snapshot, *Problem) {
		s, problem := &Snapshot{values: map[string]Value{}}, &Problem{Stale: old != nil}
		for _, key := range keys {
			content, err := files.read(key)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				problem.Message = fmt.Sprintf("key %q cannot be read", key)
			}
			if err != nil || content == "" {
				problem.Keys = append(problem.Keys, key)
				continue
			}
			s.values[key] = Value{content}
		}
		if len(problem.Keys) > 0 {
			return old.kept(), problem
		}
		if fits == nil {
			return s, nil
		}
		if err := fits(s); err != nil {
			problem.Keys, problem.Message = keys[len(keys)-1:], err.Error()
			return old.kept(), problem
		}
		return s, nil
	}
}

// callers takes what callers show us: each key stands alone, and what is not there any
// more admits nobody, since emptying or deleting it is how one revokes. Only what cannot
// be read (an I/O error takes nothing away) stays as it was.
func callers(files *folder, old *Snapshot) (*Snapshot, *Problem) {
	names, err := files.keys()
	if err != nil {
		return old.kept(), &Problem{Stale: old != nil, Message: "the folder of the secret cannot be read"}
	}
	s, problem := &Snapshot{values: map[string]Value{}}, &Problem{}
	for _, name := range names {
		content, err := files.read(name)
		switch {
		case err == nil && content != "":
			s.values[name] = Value{content}
		case err == nil, errors.Is(err, fs.ErrNotExist): // revoked
		case errors.Is(err, errTooLarge):
			problem.add(name, err.Error())
		default:
			problem.add(name, "cannot be read")
			if before, ok := old.lookUp(name); ok {
				s.values[name], problem.Stale = before, true
			}
		}
	}
	if len(s.values) == 0 {
		return nil, problem
	}
	if len(problem.Keys) == 0 {
		return s, nil
	}
	return s, problem
}

func (p *Problem) add(key, what string) {
	p.Keys = append(p.Keys, key)
	p.Message = fmt.Sprintf("key %q %s", key, what)
}

func (s *Snapshot) lookUp(key string) (v Value, ok bool) {
	if s == nil {
		return v, false
	}
	v, ok = s.values[key]
	return v, ok
}

// kept is a copy, nil of nil.
func (s *Snapshot) kept() *Snapshot {
	if s == nil {
		return nil
	}
	again := *s
	return &again
}

// restrict reads the reserved key. One that is there but cannot be read allows nothing.
// Where it is gone, values of before keep the hosts of before: who deletes a Secret does
// not want it sent to more of them.
func (s *Snapshot) restrict(files *folder, require bool) {
	content, err := files.read(AllowedHosts)
	if errors.Is(err, fs.ErrNotExist) {
		s.restricted = s.restricted || require
		return
	}
	s.restricted, s.allowedHosts = true, nil
	for line := range strings.Lines(content) {
		line = strings.ToLower(strings.TrimSpace(line))
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") { // an IPv6 address without port
			line = line[1 : len(line)-1]
		}
		if line != "" {
			s.allowedHosts = append(s.allowedHosts, line)
		}
	}
}
