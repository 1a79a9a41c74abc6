package expression

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// refuse finds what is valid CEL and has no place here.
func refuse(a *ast.AST, known map[string]function) *Error {
	for _, e := range ast.MatchDescendants(ast.NavigateAST(a), ast.KindMatcher(ast.StructKind)) {
		return errorAt(a, e, fmt.Sprintf("%s{} makes an object of a type; there are maps alone", e.AsStruct().TypeName()))
	}
	for _, e := range ast.MatchDescendants(ast.NavigateAST(a), ast.KindMatcher(ast.CallKind)) {
		name := e.AsCall().FunctionName()
		if _, ok := known[name]; !ok {
			return errorAt(a, e, fmt.Sprintf("%s is a function that expressions may not call", name))
		}
	}
	return nil
}

// refuseBody refuses what reads the body.
func refuseBody(a *ast.AST) error {
	for _, e := range ast.MatchDescendants(ast.NavigateAST(a), ast.KindMatcher(ast.IdentKind)) {
		if e.AsIdent() == varBody {
			return errorAt(a, e, "request.body is not read yet when limits are checked")
		}
	}
	return nil
}

// rewriter is the optimizer of CEL that rewrites calls.
type rewriter struct{ functions map[string]function }

// Optimize implements cel.ASTOptimizer. From the leaves up: what a call becomes is not
// looked at again.
func (w rewriter) Optimize(ctx *cel.OptimizerContext, a *ast.AST) *ast.AST {
	r := rewriting{ctx: ctx, functions: w.functions, ast: a, touched: map[int64]bool{}, steps: map[int64]int{}}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(r.note))
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(r.rewrite))
	return a
}

type rewriting struct {
	ctx       *cel.OptimizerContext
	ast       *ast.AST
	functions map[string]function
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

// call has the operands of a call go through their guards, or a function of ours stand in
// its place, as the table of functions says. What is no operand is passed on with its bytes.
func (r *rewriting) call(e ast.Expr) {
	f, list := r.functions[e.AsCall().FunctionName()], operands(e.AsCall())
	if f.instead != "" && (f.own == nil || !f.own(r, list)) {
		e.SetKindCase(r.ctx.NewCall(f.instead, append([]ast.Expr{r.meter()}, list...)...))
		return
	}
	for i, operand := range list {
		r.wrap(f.guard(i), operand)
	}
}

// operands are the arguments of a call, whose target is the first.
func operands(call ast.CallExpr) []ast.Expr {
	if call.IsMemberFunction() {
		return append([]ast.Expr{call.Target()}, call.Args()...)
	}
	return call.Args()
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

// wrap puts a call around an expression, which keeps its place. Without a function it does
// nothing.
func (r *rewriting) wrap(function string, e ast.Expr) {
	if function == "" || !r.weighs(e) && function != zoneCall { // a zone's name costs however it is written
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
