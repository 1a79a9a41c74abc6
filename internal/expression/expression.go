// Package expression compiles and evaluates the expressions of a route, in CEL
// (https://cel.dev). They see one request, cannot loop for ever and cannot reach
// anything else: an evaluation that costs more than a limit is cut off, and it ends with
// its context.
//
// The body of a request is JSON to them. It is scanned once, by the first expression
// that reads it, and never decoded as a whole: what an expression only passes on keeps
// its bytes, numbers included. Integers of 64 bits are exact, others are doubles.
package expression

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// MaxLength bounds an expression, in characters.
const MaxLength = 4096

// Want is what an expression is to yield.
type Want uint8

// What an expression may yield.
const (
	// Bool is true or false.
	Bool Want = iota
	// Text is a string, a number or a bool, or null for nothing at all.
	Text
	// JSON is any value that JSON can hold.
	JSON
	// Key is Text, of a request whose body is not read yet.
	Key
)

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	program  cel.Program
	patterns map[string]*pattern // by their source
	body     bool                // it reads request.body
	steps    int                 // what an evaluation costs that goes through nothing
}

// Error says what is wrong with an expression, and where: lines and columns count
// from 1.
type Error struct {
	Line, Column int
	Message      string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// errorAt says what is wrong with a part of an expression.
func errorAt(a *ast.AST, part ast.Expr, message string) *Error {
	at := a.SourceInfo().GetStartLocation(part.ID())
	return &Error{at.Line(), at.Column() + 1, message}
}

// Compiler compiles expressions. It is safe for concurrent use.
type Compiler struct {
	env       *cel.Env
	functions map[string]function
}

// NewCompiler returns a Compiler. The error is a defect of ours.
func NewCompiler() (*Compiler, error) {
	options := []cel.EnvOption{
		cel.Variable(varMeter, cel.DynType),
		cel.Variable(varMethod, cel.StringType),
		cel.Variable(varPath, cel.StringType),
		cel.Variable(varHost, cel.StringType),
		cel.Variable(varCaller, cel.StringType),
		cel.Variable(varClaims, cel.DynType),
		cel.Variable(varClientIP, cel.StringType),
		cel.Variable(varQuery, cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable(varHeaders, cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable(varBody, cel.DynType),
		cel.OptionalTypes(),
		cel.ClearMacros(), cel.Macros(macros()...),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ParserRecursionLimit(128),
	}
	known := functions()
	for name, f := range known {
		if f.binding != nil {
			options = append(options, cel.Function(name, f.binding))
		}
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("set up expressions: %w", err)
	}
	return &Compiler{env, known}, nil
}

// Compile compiles an expression. The error is an *Error, or a defect of ours.
func (c *Compiler) Compile(source string, want Want) (*Program, error) {
	checked, issues := c.env.Compile(source)
	if issues != nil && len(issues.Errors()) > 0 {
		first := issues.Errors()[0]
		message := first.Message
		if strings.Contains(message, "undeclared reference to 'request'") {
			message = "request has method, path, host, caller, claims, clientIP, query, headers and body, and nothing else"
		}
		return nil, &Error{first.Location.Line(), first.Location.Column() + 1, message}
	}
	if !fits(checked.OutputType(), want) {
		return nil, &Error{1, 1, fmt.Sprintf("yields %s, %s is wanted", checked.OutputType(), want)}
	}
	if err := refuse(checked.NativeRep(), c.functions); err != nil {
		return nil, err
	}
	if want == Key {
		if err := refuseBody(checked.NativeRep()); err != nil {
			return nil, err
		}
	}
	patterns, refused := patternsOf(checked.NativeRep())
	if refused != nil {
		return nil, refused
	}
	optimizer, err := cel.NewStaticOptimizer(rewriter{c.functions})
	if err != nil {
		return nil, fmt.Errorf("set up optimizer: %w", err)
	}
	rewritten, issues := optimizer.Optimize(c.env, checked)
	if issues != nil && issues.Err() != nil {
		return nil, &Error{1, 1, issues.Err().Error()}
	}
	program, err := c.env.Program(rewritten, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &Error{1, 1, err.Error()} // a literal that does not convert, for example
	}
	return &Program{program, patterns, reads(checked.NativeRep(), varBody), steps(checked.NativeRep().Expr())}, nil
}

// ReadsBody reports whether the expression reads the body of the call: all others can be
// evaluated before it has come.
func (p *Program) ReadsBody() bool { return p.body }

// reads reports whether an expression reads a variable.
func reads(a *ast.AST, variable string) bool {
	for _, reference := range a.ReferenceMap() {
		if reference.Name == variable {
			return true
		}
	}
	return false
}

// fits reports whether a type may become what is wanted.
func fits(t *cel.Type, want Want) bool {
	switch t.Kind() {
	case types.DynKind, types.AnyKind, types.ErrorKind:
		return true
	case types.BoolKind:
		return true
	case types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.NullTypeKind:
		return want != Bool
	case types.TypeKind:
		return false
	default:
		return want == JSON
	}
}

// String returns the words of messages.
func (w Want) String() string {
	return [...]string{"a bool", "a string, a number, a bool or null", "a value of JSON",
		"a string, a number, a bool or null",
	}[w]
}

// eval evaluates, before ctx ends. What it returns holds until the meter's end.
func (p *Program) eval(ctx context.Context, in *Input) (ref.Val, error) {
	if err := in.meter.begin(ctx, p); err != nil {
		return nil, err
	}
	out, _, err := p.program.Eval(in)
	if ended := in.meter.outcome(ctx); ended != nil {
		return nil, ended
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	return out, nil
}

// Bool evaluates an expression that wants Bool.
func (p *Program) Bool(ctx context.Context, in *Input) (bool, error) {
	defer in.meter.end()
	out, err := p.eval(ctx, in)
	if err != nil {
		return false, err
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("evaluate: yields %s, %s is wanted", out.Type(), Bool)
	}
	return b, nil
}

var errControl = errors.New("evaluate: yields CR, LF, NUL or another control character")

// Text evaluates an expression that wants Text. ok is false where it yields null.
// Control characters are an error: what is written may become a line of its own.
func (p *Program) Text(ctx context.Context, in *Input) (text string, ok bool, err error) {
	defer in.meter.end()
	out, err := p.eval(ctx, in)
	if err != nil {
		return "", false, err
	}
	switch v := out.(type) {
	case types.Null:
		return "", false, nil
	case types.String:
		text = string(v)
	case *number:
		text = string(v.raw)
	case types.Int, types.Uint, types.Double, types.Bool:
		text = string(v.ConvertToType(types.StringType).(types.String)) // of these types it is one
	default:
		return "", false, fmt.Errorf("evaluate: yields %s, %s is wanted", out.Type(), Text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return "", false, errControl
	}
	return text, true, nil
}

// JSON evaluates an expression that wants JSON and returns what it yields, with its
// capacity taken from memory. More than limit bytes are an error.
func (p *Program) JSON(ctx context.Context, in *Input, memory Memory, limit int) ([]byte, error) {
	defer in.meter.end()
	out, err := p.eval(ctx, in)
	if err != nil {
		return nil, err
	}
	e := encoder{meter: &in.meter, memory: memory, limit: limit}
	if err := e.value(out, 0); err != nil {
		e.give()
		return nil, cmp.Or(in.meter.outcome(ctx), fmt.Errorf("evaluate: %w", err))
	}
	return e.dst, nil
}
