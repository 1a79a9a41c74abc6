package creds

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// shown takes credentials that we show: all of the keys change together, or what was
// good before stays. Half a pair would fail every call until its other half comes, and so
// would what cannot be sent. Optional keys belong to the others where they are there.
func shown(keys []string, check func(key, value string) string, optional ...string) func(*folder, *Snapshot) (*Snapshot, *Problem) {
	return func(files *folder, old *Snapshot) (*Snapshot, *Problem) {
		s, problem := &Snapshot{values: map[string]Value{}}, &Problem{Stale: old != nil}
		var missing []string
		for i, key := range slices.Concat(keys, optional) {
			content, fault := take(files, key, check)
			switch {
			case fault != "":
				problem.add(key, fault)
			case content == "" && i >= len(keys): // there is none
			case content == "":
				missing = append(missing, key)
				problem.Keys = append(problem.Keys, key)
			default:
				s.values[key] = Value{content}
			}
		}
		if len(problem.Keys) > 0 {
			problem.complete(files, missing)
			return old.again(), problem
		}
		return s, nil
	}
}

// take returns the value of a key, empty for none, or what is wrong with it.
func take(files *folder, key string, check func(key, value string) string) (content, fault string) {
	content, err := files.read(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", ""
	case errors.Is(err, errTooLarge):
		return "", err.Error()
	case err != nil:
		return "", "cannot be read"
	}
	return content, check(key, content)
}

// complete says of keys that are missing what the message does not: nothing where there is
// none, and that the Secret is missing where no key of it is there.
func (p *Problem) complete(files *folder, missing []string) {
	if p.Message == "" && files.empty() {
		p.Keys = nil
		return
	}
	for _, key := range missing {
		if p.Message != "" {
			p.Message += "; " + ofKey(key, "is missing or empty")
		}
	}
}

// checked takes what callers show us: each key stands alone, and what is not there any
// more admits nobody, since emptying or deleting it is how one revokes. Only what cannot
// be read (an I/O error takes nothing away) stays as it was.
func checked(files *folder, old *Snapshot) (*Snapshot, *Problem) {
	names, err := files.keys()
	if err != nil {
		return old.again(), &Problem{Stale: old != nil, Message: "the folder of the secret cannot be read"}
	}
	s, problem := &Snapshot{values: map[string]Value{}}, &Problem{}
	for _, name := range names {
		content, err := files.read(name)
		switch {
		case err == nil && content != "":
			s.values[name] = Value{content}
			if fault := unpresentable(content); fault != "" {
				problem.add(name, fault)
			}
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
	problem.shared(s.values)
	if len(problem.Keys) == 0 {
		return s, nil
	}
	return s, problem
}

// unpresentable says which line of a caller's keys cannot stand in a field, so that nobody
// can show it, or nothing.
func unpresentable(content string) string {
	for number, key := range (Value{content}).Lines() {
		if fault := field(key); fault != "" {
			return fmt.Sprintf("line %d %s", number, fault)
		}
	}
	return ""
}

func (p *Problem) add(key, what string) {
	if !slices.Contains(p.Keys, key) {
		p.Keys = append(p.Keys, key)
	}
	if p.Message != "" {
		p.Message += "; "
	}
	p.Message += ofKey(key, what)
}
