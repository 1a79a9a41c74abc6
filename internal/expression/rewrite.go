package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/parser"
)

// CEL computes with its own numbers alone, and walks through values of any size within
// one step. So calls are rewritten: an argument that may be a number of the body is
// unwrapped, what looks into containers is a function of ours with bounds, and each of them
// takes what it costs from the meter, which is their first argument. What is no argument is
// passed on with its bytes.
const (
	lookCall    = "@look"
	keyCall     = "@key"
	givenCall   = "@given"
	eachCall    = "@each"
	stepCall    = "@step"
	zoneCall    = "@zone"
	unwrapCall  = "@unwrap"
	matchesCall = "@matches"
	equalsCall  = "@equals"
	differsCall = "@differs"
	inCall      = "@within"
	addCall     = "@add"
)

func internals() []cel.EnvOption {
	one := func(name string, f func(m *meter, v ref.Val) ref.Val, result *cel.Type) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_dyn", []*cel.Type{cel.DynType, cel.DynType}, result,
			cel.BinaryBinding(func(m, v ref.Val) ref.Val { return f(m.(*meter), v) }))) //nolint:forcetypeassert // see rewriting.meter
	}
	two := func(name string, f func(m *meter, a, b ref.Val) ref.Val, result *cel.Type) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_dyn", []*cel.Type{cel.DynType, cel.DynType, cel.DynType}, result,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val { return f(args[0].(*meter), args[1], args[2]) }))) //nolint:forcetypeassert // the same
	}
	return []cel.EnvOption{
		cel.Variable(varMeter, cel.DynType),
		one(lookCall, look, cel.DynType), one(keyCall, key, cel.DynType), one(givenCall, given, cel.DynType),
		one(eachCall, each, cel.DynType), one(stepCall, step, cel.BoolType), one(zoneCall, zone, cel.DynType),
		one(unwrapCall, unwrap, cel.ListType(cel.DynType)),
		two(matchesCall, matches, cel.BoolType), two(equalsCall, equals, cel.BoolType), two(differsCall, differs, cel.BoolType),
		two(inCall, within, cel.BoolType), two(addCall, add, cel.DynType),
	}
}

// refuse finds what is valid CEL and has no place here.
func refuse(a *ast.AST) *Error {
	for _, e := range ast.MatchDescendants(ast.NavigateAST(a), ast.KindMatcher(ast.StructKind)) {
		at := a.SourceInfo().GetStartLocation(e.ID())
		return &Error{at.Line(), at.Column() + 1, fmt.Sprintf("%s{} makes an object of a type; there are maps alone", e.AsStruct().TypeName())}
	}
	return nil
}

// rewriter is the optimizer of CEL that rewrites calls.
type rewriter struct{}

// Optimize implements cel.ASTOptimizer. From the leaves up: what a call becomes is not
// looked at again.
func (rewriter) Optimize(ctx *cel.OptimizerContext, a *ast.AST) *ast.AST {
	r := rewriting{ctx: ctx, ast: a, touched: map[int64]bool{}, steps: map[int64]int{}}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(r.note))
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(r.rewrite))
	return a
}

type rewriting struct {
	ctx *cel.OptimizerContext
	ast *ast.AST
	// touched are the expressions that may yield something of the body.
	touched map[int64]bool
	// steps are those of one turn of each comprehension.
	steps map[int64]int
}

// note marks what reads the body or a variable of a comprehension, which may hold
// anything, and whatever is made of it.
func (r *rewriting) note(e ast.Expr) {
	touched := e.Kind() == ast.IdentKind && (e.AsIdent() == varBody || !strings.HasPrefix(e.AsIdent(), "request."))
	for _, child := range children(e) {
		touched = touched || r.touched[child.ID()]
	}
	r.touched[e.ID()] = touched
	if e.Kind() == ast.ComprehensionKind {
		r.steps[e.ID()] = steps(e.AsComprehension().LoopCondition()) + steps(e.AsComprehension().LoopStep())
	}
}

// steps are those of an expression, all of its branches, with what is done once for its
// comprehensions. A map or list takes more than another step makes.
func steps(e ast.Expr) int {
	n, parts := 1, children(e)
	switch e.Kind() { //nolint:exhaustive // the others are one step
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		parts = []ast.Expr{c.IterRange(), c.AccuInit(), c.Result()}
	case ast.MapKind:
		n = mapSteps
	case ast.ListKind:
		n = listSteps
	}
	for _, part := range parts {
		n += steps(part)
	}
	return n
}

const (
	mapSteps  = 6
	listSteps = 2
)

func children(e ast.Expr) (list []ast.Expr) {
	switch e.Kind() { //nolint:exhaustive // the others have none
	case ast.CallKind:
		list = append(list, e.AsCall().Args()...)
		if e.AsCall().IsMemberFunction() {
			list = append(list, e.AsCall().Target())
		}
	case ast.SelectKind:
		list = append(list, e.AsSelect().Operand())
	case ast.ListKind:
		list = append(list, e.AsList().Elements()...)
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			list = append(list, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		list = append(list, c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result())
	}
	return list
}

func (r *rewriting) rewrite(e ast.Expr) {
	switch e.Kind() { //nolint:exhaustive // the others have none
	case ast.ListKind:
		for _, i := range e.AsList().OptionalIndices() {
			r.wrap(givenCall, e.AsList().Elements()[i])
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.wrap(keyCall, entry.AsMapEntry().Key())
			if entry.AsMapEntry().IsOptional() {
				r.wrap(givenCall, entry.AsMapEntry().Value())
			}
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		r.wrap(eachCall, c.IterRange())
		r.begin(c.LoopCondition(), r.steps[e.ID()])
	case ast.CallKind:
		r.call(e)
	}
}

func (r *rewriting) call(e ast.Expr) {
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.Equals:
		r.replace(e, equalsCall, args)
	case operators.NotEquals:
		r.replace(e, differsCall, args)
	case operators.In:
		if writtenOut(args[1]) { // CEL makes a set of it
			r.wrap(lookCall, args[0])
			return
		}
		r.replace(e, inCall, args)
	case operators.Add:
		if !accumulates(args[0]) { // a comprehension that adds to its result is CEL's own
			r.replace(e, addCall, args)
		}
	case overloads.Matches:
		e.SetKindCase(r.ctx.NewCall(matchesCall, append([]ast.Expr{r.meter()}, operands(call)...)...))
	case "unwrapOpt", "optional.unwrap":
		e.SetKindCase(r.ctx.NewCall(unwrapCall, append([]ast.Expr{r.meter()}, operands(call)...)...))
	case operators.Index, operators.OptIndex:
		r.wrap(keyCall, args[1])
	case operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse,
		operators.OptSelect, overloads.TypeConvertDyn, "optional.of", "optional.ofNonZeroValue", "optional.none",
		"or", "orValue", "value", "hasValue", "first", "last":
		// They pass on what they are given.
	default:
		function := lookCall
		if call.IsMemberFunction() {
			r.wrap(lookCall, call.Target())
			if strings.HasPrefix(call.FunctionName(), "get") { // of a timestamp, and where
				function = zoneCall
			}
		}
		for _, arg := range args {
			r.wrap(function, arg)
		}
	}
}

// operands are the arguments of a call, whose target is the first.
func operands(call ast.CallExpr) []ast.Expr {
	if call.IsMemberFunction() {
		return append([]ast.Expr{call.Target()}, call.Args()...)
	}
	return call.Args()
}

// writtenOut reports whether an expression is a list of literals that may be keys of a map.
func writtenOut(e ast.Expr) bool {
	if e.Kind() != ast.ListKind {
		return false
	}
	return !slices.ContainsFunc(e.AsList().Elements(), func(element ast.Expr) bool {
		if element.Kind() != ast.LiteralKind {
			return true
		}
		switch element.AsLiteral().(type) {
		case types.String, types.Int, types.Uint, types.Double, types.Bool:
			return false
		}
		return true
	})
}

// accumulates reports whether an expression is the result of a comprehension so far.
func accumulates(e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == parser.HiddenAccumulatorName
}

// replace calls another function, where the types do not rule out that it matters.
func (r *rewriting) replace(e ast.Expr, function string, args []ast.Expr) {
	if slices.ContainsFunc(args, r.weighs) {
		e.SetKindCase(r.ctx.NewCall(function, append([]ast.Expr{r.meter()}, args...)...))
	}
}

// weighs reports whether looking at what an expression yields may take more than a step.
func (r *rewriting) weighs(e ast.Expr) bool {
	if e.Kind() == ast.LiteralKind {
		return false
	}
	switch r.ast.GetType(e.ID()).Kind() { //nolint:exhaustive // the others may
	case types.BoolKind, types.DoubleKind, types.DurationKind, types.IntKind, types.NullTypeKind, types.TimestampKind, types.TypeKind, types.UintKind:
		return r.touched[e.ID()]
	}
	return true
}

// wrap puts a call around an expression, which keeps its place.
func (r *rewriting) wrap(function string, e ast.Expr) {
	if !r.weighs(e) && function != zoneCall {
		return
	}
	e.SetKindCase(r.ctx.NewCall(function, r.meter(), r.moved(e)))
}

// moved is an expression at another place, so that its own can hold what is around it.
func (r *rewriting) moved(e ast.Expr) ast.Expr {
	inner := r.ctx.NewIdent("moved")
	inner.SetKindCase(e)
	return inner
}

func (r *rewriting) meter() ast.Expr { return r.ctx.NewIdent(varMeter) }

// begin has a step of a comprehension begin with what it costs.
func (r *rewriting) begin(condition ast.Expr, steps int) {
	condition.SetKindCase(r.ctx.NewCall(operators.LogicalAnd,
		r.ctx.NewCall(stepCall, r.meter(), r.ctx.NewLiteral(types.Int(steps))), r.moved(condition)))
}
