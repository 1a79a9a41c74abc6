package judge

import (
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Dialect is what schemas within another document are written in.
type Dialect int

// The dialects of schemas in OpenAPI: those of 3.0 are near draft 4, those of 3.1 are of
// draft 2020-12.
const (
	DialectOpenAPI30 Dialect = iota
	DialectOpenAPI31
)

// Set is schemas that refer to each other, such as those of an OpenAPI document.
type Set struct {
	compiler *jsonschema.Compiler
	keyword  string
	circles  *circles
}

// SetError says what is wrong with one schema of a set, and where in it.
type SetError struct {
	Index int
	Path  []string
	Text  string
}

// Error implements error.
func (e *SetError) Error() string { return e.Text }

// Keyword is what schemas of a set are kept under: the one at index 2 is referred to as
// #/KEYWORD/2.
func (d Dialect) Keyword() string {
	if d == DialectOpenAPI30 {
		return "definitions"
	}
	return "$defs"
}

// NewSet returns the set of decoded schemas. What is wrong with one is told when it is compiled.
func NewSet(list []any, dialect Dialect) *Set {
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	if dialect == DialectOpenAPI30 {
		c.DefaultDraft(jsonschema.Draft4)
		c.RegisterFormat(&jsonschema.Format{Name: "int32", Validate: within(31)})
		c.RegisterFormat(&jsonschema.Format{Name: "int64", Validate: within(63)})
	}
	members := make(map[string]any, len(list))
	for i, schema := range list {
		members[strconv.Itoa(i)] = schema
	}
	s := &Set{c, dialect.Keyword(), newCircles()}
	_ = c.AddResource(base, map[string]any{s.keyword: members}) // which refuses what is no URL, or is there already
	return s
}

// Schema compiles the schema at an index, or says what is wrong with it.
func (s *Set) Schema(i int) (*Schema, *SetError) {
	compiled, err := s.compiler.Compile(base + "#/" + s.keyword + "/" + strconv.Itoa(i))
	if err != nil {
		return nil, s.located(i, err)
	}
	if found := s.circles.find(compiled); found != nil {
		return nil, s.placed(i, fragment(found.Location), circular)
	}
	return &Schema{compiled}, nil
}

// located finds the schema that an error is about, which may be one that the schema at i
// refers to.
func (s *Set) located(i int, err error) *SetError {
	where, what, ok := unfit(err)
	if !ok {
		where, what, ok = unread(err)
	}
	if !ok {
		what = strings.ReplaceAll(err.Error(), base, "")
	}
	return s.placed(i, where, what)
}

// placed says what is wrong at a place of the set, or with the schema at i where that is none.
func (s *Set) placed(i int, where []string, what string) *SetError {
	if len(where) >= 2 {
		if at, err := strconv.Atoi(where[1]); err == nil {
			return &SetError{at, where[2:], what}
		}
	}
	return &SetError{Index: i, Text: what}
}

var errWidth = errors.New("it is no whole number of that width")

// within admits whole numbers of so many bits and a sign, and all that is no number.
func within(bits uint) func(any) error {
	limit := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), bits))
	least := new(big.Rat).Neg(limit)
	return func(v any) error {
		number, ok := v.(json.Number)
		if !ok {
			return nil
		}
		n, ok := new(big.Rat).SetString(string(number))
		if !ok || !n.IsInt() || n.Cmp(limit) >= 0 || n.Cmp(least) < 0 {
			return errWidth
		}
		return nil
	}
}
