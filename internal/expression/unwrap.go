package expression

import (
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// CEL computes with its own numbers alone. So each argument that may be a number of
// the body is unwrapped, by a call that is put around it; what is not an argument is
// passed on with its bytes.
const (
	scalar = "@scalar" // unwraps a number
	deep   = "@plain"  // unwraps all numbers in a value
)

func unwrapping(name string, f func(ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(name+"_dyn", []*cel.Type{cel.DynType}, cel.DynType, cel.UnaryBinding(f)))
}

func plainScalar(v ref.Val) ref.Val {
	if n, ok := v.(*number); ok {
		return n.plain()
	}
	return v
}

// plain replaces numbers of the body by CEL's, however deep they stand: equality looks
// into containers.
func plain(v ref.Val) ref.Val {
	switch v := v.(type) {
	case *number:
		return v.plain()
	case traits.Mapper:
		out := map[ref.Val]ref.Val{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			out[key] = plain(v.Get(key))
		}
		return types.NewRefValMap(types.DefaultTypeAdapter, out)
	case traits.Lister:
		var out []ref.Val
		for it := v.Iterator(); it.HasNext() == types.True; {
			out = append(out, plain(it.Next()))
		}
		return types.NewRefValList(types.DefaultTypeAdapter, out)
	}
	return v
}

// unwrapper is the optimizer of CEL that puts the calls around arguments.
type unwrapper struct{}

// Optimize implements cel.ASTOptimizer.
func (unwrapper) Optimize(ctx *cel.OptimizerContext, a *ast.AST) *ast.AST {
	for _, e := range ast.MatchDescendants(ast.NavigateAST(a), ast.KindMatcher(ast.CallKind)) {
		call := e.AsCall()
		function := how(call.FunctionName())
		if function == "" {
			continue
		}
		if call.IsMemberFunction() {
			unwrap(ctx, a, call.Target(), function)
		}
		for i, arg := range call.Args() {
			if i > 0 || call.FunctionName() != operators.Index {
				unwrap(ctx, a, arg, function)
			}
		}
	}
	return a
}

// how says what becomes of a function's arguments; nothing where it passes them on.
func how(function string) string {
	switch function {
	case operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse,
		operators.OptSelect, operators.OptIndex, "optional.of", "optional.ofNonZeroValue", "optional.none", "or", "orValue", "value", "hasValue",
		scalar, deep:
		return ""
	case operators.Equals, operators.NotEquals, operators.In:
		return deep
	}
	return scalar
}

func unwrap(ctx *cel.OptimizerContext, a *ast.AST, e ast.Expr, function string) {
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind, ast.CallKind, ast.ComprehensionKind, ast.ListKind, ast.MapKind:
	default:
		return // a literal
	}
	if mayHoldNumbers(a.GetType(e.ID())) {
		ctx.UpdateExpr(e, ctx.NewCall(function, ctx.CopyASTAndMetadata(ctx.NewAST(e))))
	}
}

func mayHoldNumbers(t *types.Type) bool {
	k := t.Kind()
	return k == types.DynKind || k == types.AnyKind || k == types.TypeParamKind || slices.ContainsFunc(t.Parameters(), mayHoldNumbers)
}
