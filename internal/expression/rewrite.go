package expression

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// CEL computes with its own numbers alone, and walks through values of any size within
// one step. So calls are rewritten: an argument that may be a number of the body is
// unwrapped, and equality and addition, which look into containers, are functions of
// ours with bounds. What is no argument is passed on with its bytes.
const (
	scalarCall  = "@scalar"
	equalsCall  = "@equals"
	differsCall = "@differs"
	inCall      = "@within"
	addCall     = "@add"
)

func internals() []cel.EnvOption {
	binary := func(name string, f func(a, b ref.Val) ref.Val, result *cel.Type) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_dyn", []*cel.Type{cel.DynType, cel.DynType}, result, cel.BinaryBinding(f)))
	}
	return []cel.EnvOption{
		cel.Function(scalarCall, cel.Overload(scalarCall+"_dyn", []*cel.Type{cel.DynType}, cel.DynType, cel.UnaryBinding(scalar))),
		binary(equalsCall, equals, cel.BoolType),
		binary(differsCall, differs, cel.BoolType),
		binary(inCall, within, cel.BoolType),
		binary(addCall, add, cel.DynType),
	}
}

// refuse finds what is valid CEL and has no place here.
func refuse(a *ast.AST) *Error {
	for _, e := range ast.MatchDescendants(ast.NavigateAST(a), func(e ast.NavigableExpr) bool {
		return e.Kind() == ast.StructKind || e.Kind() == ast.CallKind
	}) {
		at := a.SourceInfo().GetStartLocation(e.ID())
		if e.Kind() == ast.StructKind {
			return &Error{at.Line(), at.Column() + 1, fmt.Sprintf("%s{} makes an object of a type; there are maps alone", e.AsStruct().TypeName())}
		}
		call := e.AsCall()
		if args := call.Args(); call.FunctionName() == overloads.Matches && args[len(args)-1].Kind() != ast.LiteralKind {
			return &Error{at.Line(), at.Column() + 1, "matches needs a pattern that is written out"}
		}
	}
	return nil
}

// rewriter is the optimizer of CEL that rewrites calls.
type rewriter struct{}

// Optimize implements cel.ASTOptimizer. From the leaves up: what a call becomes is not
// looked at again.
func (rewriter) Optimize(ctx *cel.OptimizerContext, a *ast.AST) *ast.AST {
	r := rewriting{ctx: ctx, ast: a, touched: map[int64]bool{}}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(r.note))
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(r.rewrite))
	return a
}

type rewriting struct {
	ctx *cel.OptimizerContext
	ast *ast.AST
	// touched are the expressions that may yield something of the body.
	touched map[int64]bool
}

// note marks what reads the body or a variable of a comprehension, which may hold
// anything, and whatever is made of it.
func (r *rewriting) note(e ast.Expr) {
	touched := e.Kind() == ast.IdentKind && (e.AsIdent() == varBody || !strings.HasPrefix(e.AsIdent(), "request."))
	for _, child := range children(e) {
		touched = touched || r.touched[child.ID()]
	}
	r.touched[e.ID()] = touched
}

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
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.unwrap(entry.AsMapEntry().Key())
		}
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
		r.replace(e, inCall, args)
	case operators.Add:
		if !accumulates(args[0]) { // a comprehension that adds to its result is CEL's own
			r.replace(e, addCall, args)
		}
	case operators.Index, operators.OptIndex:
		r.unwrap(args[1])
	case operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse,
		operators.OptSelect, "optional.of", "optional.ofNonZeroValue", "optional.none", "or", "orValue", "value", "hasValue", "first", "last":
		// They pass on what they are given.
	default:
		if call.IsMemberFunction() {
			r.unwrap(call.Target())
		}
		for _, arg := range args {
			r.unwrap(arg)
		}
	}
}

// accumulates reports whether an expression is the result of a comprehension so far.
func accumulates(e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && (e.AsIdent() == "@result" || e.AsIdent() == "__result__")
}

// replace calls another function, where the types do not rule out that it matters.
func (r *rewriting) replace(e ast.Expr, function string, args []ast.Expr) {
	for _, arg := range args {
		if r.touched[arg.ID()] || !simple(r.ast.GetType(arg.ID())) {
			e.SetKindCase(r.ctx.NewCall(function, args...))
			return
		}
	}
}

// simple reports whether values of a type hold no others.
func simple(t *types.Type) bool {
	switch t.Kind() { //nolint:exhaustive // the others may
	case types.BoolKind, types.BytesKind, types.DoubleKind, types.DurationKind, types.IntKind, types.NullTypeKind, types.StringKind,
		types.TimestampKind, types.TypeKind, types.UintKind:
		return true
	}
	return false
}

// unwrap puts the call around an expression, which keeps its place.
func (r *rewriting) unwrap(e ast.Expr) {
	if !r.touched[e.ID()] || e.Kind() == ast.LiteralKind {
		return
	}
	inner := r.ctx.NewIdent("moved")
	inner.SetKindCase(e)
	e.SetKindCase(r.ctx.NewCall(scalarCall, inner))
}
