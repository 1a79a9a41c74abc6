package creds

import (
	"fmt"
	"maps"
	"slices"
)

// owners are the names of the callers whom each key is of, in their order.
func owners(values map[string]Value) map[string][]string {
	of := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, key := range values[name].Lines() {
			if names := of[key]; len(names) == 0 || names[len(names)-1] != name {
				of[key] = append(names, name)
			}
		}
	}
	return of
}

// shared adds which callers have a key that is of another one, too, and of whom. Nobody gets
// in by it: it does not say who calls.
func (p *Problem) shared(values map[string]Value) {
	of := owners(values)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fault, lines := "", 0
		for number, key := range values[name].Lines() {
			at, _ := slices.BinarySearch(of[key], name)
			if at < 1 {
				continue
			}
			if lines++; fault == "" {
				fault = fmt.Sprintf("line %d is a key of %q, too", number, of[key][at-1])
			}
		}
		if lines > 1 {
			fault += fmt.Sprintf(" (and %d more lines)", lines-1)
		}
		if fault != "" {
			p.add(name, fault+nobodyLeft)
		}
	}
}
