package expression

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// guarding binds a function of ours with one operand.
func guarding(name string, f func(m *meter, v ref.Val) ref.Val, result *cel.Type) cel.FunctionOpt {
	return cel.Overload(name+"_dyn", []*cel.Type{cel.DynType, cel.DynType}, result,
		cel.BinaryBinding(func(m, v ref.Val) ref.Val { return f(m.(*meter), v) })) // see rewriting.meter
}

// standing binds a function of ours with two operands.
func standing(name string, f func(m *meter, a, b ref.Val) ref.Val, result *cel.Type) cel.FunctionOpt {
	return cel.Overload(name+"_dyn", []*cel.Type{cel.DynType, cel.DynType, cel.DynType}, result,
		cel.FunctionBinding(func(args ...ref.Val) ref.Val { return f(args[0].(*meter), args[1], args[2]) })) // the same
}

// method binds a method of strings whose result is no longer than its target.
func method(name string, f func(string) string) cel.FunctionOpt {
	return cel.MemberOverload("string_"+name, []*cel.Type{cel.StringType}, cel.StringType,
		cel.UnaryBinding(func(v ref.Val) ref.Val {
			s, ok := v.(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(v)
			}
			return types.String(f(string(s)))
		}))
}

func lowerASCII(s string) string { return mapASCII(s, 'A', 'Z', 'a'-'A') }
func upperASCII(s string) string { return mapASCII(s, 'a', 'z', -('a' - 'A')) }

func mapASCII(s string, from, to, by rune) string {
	return strings.Map(func(r rune) rune {
		if from <= r && r <= to {
			return r + by
		}
		return r
	}, s)
}
