package expression

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

const (
	// maxInstructions bounds what the patterns of an expression compile to: x{1000} is 7
	// characters long, and a thousand instructions that each byte of a text may be held
	// against, of 100 bytes of memory each.
	maxInstructions = 5000
	// instructionsPerUnit of a pattern are held against ten bytes for one unit.
	instructionsPerUnit = 4
)

// pattern is a compiled one of matches.
type pattern struct {
	expression   *regexp.Regexp
	instructions int
}

// units is what ten bytes of a text cost.
func (p *pattern) units() int { return p.instructions/instructionsPerUnit + 1 }

// newPattern compiles a pattern of at most so many instructions.
func newPattern(source string, most int) (*pattern, error) {
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err // shown with the place where it stands
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	n := len(program.Inst)
	if n > most {
		return nil, fmt.Errorf("the patterns are made of %d instructions, more than %d", maxInstructions-most+n, maxInstructions)
	}
	compiled, err := regexp.Compile(source)
	return &pattern{compiled, n}, err
}

// patternsOf compiles the patterns of an expression, which are literals.
func patternsOf(a *ast.AST) (map[string]*pattern, *Error) {
	patterns, left := map[string]*pattern{}, maxInstructions
	for _, e := range ast.MatchDescendants(ast.NavigateAST(a), ast.FunctionMatcher(overloads.Matches)) {
		args := e.AsCall().Args()
		last := args[len(args)-1]
		source, ok := last.AsLiteral().(types.String)
		if last.Kind() != ast.LiteralKind || !ok {
			return nil, errorAt(a, e, "matches needs a pattern that is written out")
		}
		if patterns[string(source)] != nil {
			continue
		}
		p, err := newPattern(string(source), left)
		if err != nil {
			return nil, errorAt(a, last, err.Error())
		}
		patterns[string(source)] = p
		left -= p.instructions
	}
	return patterns, nil
}

// matches looks for a pattern in a text, in a time that grows with the product of both.
func matches(m *meter, text, source ref.Val) ref.Val {
	s, ok := plain(text).(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(text)
	}
	name, _ := source.(types.String)
	p := m.patterns[string(name)]
	if !m.take((len(s)/bytesPerUnit + 1) * p.units()) {
		return m.err()
	}
	return types.Bool(p.expression.MatchString(string(s)))
}
