package judge

import (
	"errors"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

const (
	// MaxFaults is how many faults are told.
	MaxFaults = 20
	// maxPointer bounds a pointer, in bytes: names in a body are its sender's to choose. A
	// longer one is that of what the value is in.
	maxPointer = 512
)

// Fault is one thing that is wrong with a body. It holds nothing of the value.
type Fault struct {
	// Pointer is where the value stands, or would if it were there (RFC 6901).
	Pointer string
	// Keyword is that of the schema which does not admit the value.
	Keyword string
}

// Faults returns what is wrong with a value that a rawjson.Decoder has made: the first
// MaxFaults in the order of pointers, none for a value that the schema admits.
func (s *Schema) Faults(v any) []Fault {
	err := s.compiled.Validate(v)
	if err == nil {
		return nil
	}
	f := faults{}
	if root, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		f.gather(root)
	}
	if len(f.first) == 0 { // no error passes for none
		f.add("", "")
	}
	return f.first
}

// faults are the first of many.
type faults struct{ first []Fault }

func (f *faults) add(pointer, keyword string) {
	fault := Fault{pointer, keyword}
	at, known := slices.BinarySearchFunc(f.first, fault, compare)
	if known || at == MaxFaults {
		return
	}
	if len(f.first) == MaxFaults {
		f.first = f.first[:MaxFaults-1]
	}
	f.first = slices.Insert(f.first, at, fault)
}

func compare(a, b Fault) int {
	if c := strings.Compare(a.Pointer, b.Pointer); c != 0 {
		return c
	}
	return strings.Compare(a.Keyword, b.Keyword)
}

// gather adds the faults of an error: those of what is wrong itself. What only holds
// together others is none.
func (f *faults) gather(e *jsonschema.ValidationError) {
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
	case *kind.Required:
		f.each(e, "required", k.Missing)
	case *kind.Dependency:
		f.each(e, "dependencies", k.Missing)
	case *kind.DependentRequired:
		f.each(e, "dependentRequired", k.Missing)
	case *kind.AdditionalProperties:
		f.each(e, "additionalProperties", k.Properties)
	case *kind.PropertyNames:
		f.each(e, "propertyNames", []string{k.Property})
		return // what follows is about the name, and has no place in the body
	default:
		f.add(pointer(e.InstanceLocation), keyword(e))
	}
	for _, cause := range e.Causes {
		f.gather(cause)
	}
}

// each adds a fault for each of some members of the object at hand.
func (f *faults) each(e *jsonschema.ValidationError, keyword string, names []string) {
	for _, name := range names {
		f.add(pointer(append(slices.Clip(e.InstanceLocation), name)), keyword)
	}
}

func keyword(e *jsonschema.ValidationError) string {
	switch e.ErrorKind.(type) {
	case nil:
		return ""
	case *kind.Not:
		return "not"
	case *kind.RefCycle:
		return "$ref"
	case *kind.FalseSchema:
		return "false"
	}
	if path := e.ErrorKind.KeywordPath(); len(path) > 0 {
		return path[0]
	}
	return ""
}

// pointer is that of a value, or of the innermost one around it whose pointer is short
// enough to be told.
func pointer(path []string) string {
	size := 0
	for i, token := range path {
		if size += len(token) + 1; size > maxPointer {
			path = path[:i]
			break
		}
	}
	return rawjson.Pointer(path)
}
