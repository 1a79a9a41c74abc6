// Package judge says what is wrong with a body, by a JSON Schema of draft 4, 6, 7, 2019-09
// or 2020-12. A schema is one text: nothing that it refers to is read from anywhere else.
// Numbers are judged exactly.
package judge

import (
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

const (
	// MaxSchema is the length of a schema at most, in bytes. The time to compile one grows
	// with the square of it.
	MaxSchema = 256 << 10
	// maxDepth bounds the nesting of a schema.
	maxDepth = 128
	// base is what references in a schema are relative to. There is nothing else there.
	base = "fanout:///schema"
)

// Schema is a compiled JSON Schema. It is immutable.
type Schema struct{ compiled *jsonschema.Schema }

// Compile compiles the text of a schema, which is of draft 2020-12 where it does not say
// another in $schema. The error is a *CompileError.
func Compile(text string) (s *Schema, err error) {
	defer func() {
		if recover() != nil { // a defect of the compiler must not be the end of the process
			s, err = nil, &CompileError{Line: 1, Column: 1, Text: "the compiler failed on it: write it in another way"}
		}
	}()
	if len(text) > MaxSchema {
		return nil, &CompileError{Line: 1, Column: 1, Text: fmt.Sprintf("has %d bytes, at most %d are compiled", len(text), MaxSchema)}
	}
	decoder := rawjson.Decoder{Depth: maxDepth}
	document, flaw := decoder.Decode([]byte(text))
	if flaw != nil {
		return nil, undecoded(text, flaw)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	if err := c.AddResource(base, document); err != nil {
		return nil, located(text, err)
	}
	compiled, err := c.Compile(base)
	if err != nil {
		return nil, located(text, err)
	}
	if s := newCircles().find(compiled); s != nil {
		return nil, at(text, find(text, fragment(s.Location)), circular)
	}
	return &Schema{compiled}, nil
}

// nothing loads no document: not from a host, which would be called by whoever may write a
// schema, and not from a file of the proxy.
type nothing struct{}

var errNotHere = errors.New("it is not part of the schema, and no other document is read")

// Load implements jsonschema.URLLoader.
func (nothing) Load(string) (any, error) { return nil, errNotHere }
