package expression

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/parser"
)

// The functions of ours that calls are rewritten to. @ is not part of a name, so that no
// expression can call them by itself.
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

// function is one that an expression may call, with the way in which a call of it costs by
// the bytes that it looks at: CEL itself computes with its own numbers alone, walks through
// values of any size within one step, and charges for none of it.
//
// A function without guards and without another in its place passes on what it is given,
// and costs its step alone.
type function struct {
	// guards are the functions of ours that the operands go through first: each takes what
	// its operand costs from the meter, and unwraps a number of the body. The target of a
	// method is the first operand, the last guard is for all that follow, and an operand
	// whose guard is empty goes as it is.
	guards []string
	// instead is the function of ours that is called in its place and takes what it costs by
	// itself. Empty for none.
	instead string
	// own reports a call that CEL's own function serves in bounded time, so that instead is
	// not called. Nil for none.
	own func(r *rewriting, operands []ast.Expr) bool
	// binding is what a function of ours is in Go; nil for one of CEL's.
	binding cel.FunctionOpt
}

// guard is the function of ours that an operand goes through, empty for none.
func (f *function) guard(operand int) string {
	if len(f.guards) == 0 {
		return ""
	}
	return f.guards[min(operand, len(f.guards)-1)]
}

// functions are all that an expression may call, by name. What stands in none of the tables
// is refused when an expression is compiled.
func functions() map[string]function {
	all := map[string]function{}
	for _, table := range []map[string]function{passing(), looking(), replaced(), internal(), added()} {
		maps.Copy(all, table)
	}
	return all
}

// passing are those of CEL's that look at nothing of what they pass on.
func passing() map[string]function {
	all := map[string]function{}
	for _, name := range []string{
		operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot,
		operators.NotStrictlyFalse, "__not_strictly_false__", operators.OptSelect, overloads.TypeConvertDyn,
		"optional.of", "optional.ofNonZeroValue", "optional.none", "or", "orValue", "value", "hasValue", "first", "last",
	} {
		all[name] = function{}
	}
	return all
}

// looking are those of CEL's that look at all of a text that they are given, once, and
// yield no more than they were given.
func looking() map[string]function {
	all := map[string]function{}
	for _, name := range []string{
		operators.Negate, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo,
		operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		overloads.Size, overloads.Contains, overloads.StartsWith, overloads.EndsWith,
		overloads.TypeConvertBool, overloads.TypeConvertBytes, overloads.TypeConvertDouble, overloads.TypeConvertDuration,
		overloads.TypeConvertInt, overloads.TypeConvertString, overloads.TypeConvertTimestamp, overloads.TypeConvertType,
		overloads.TypeConvertUint,
	} {
		all[name] = function{guards: []string{lookCall}}
	}
	for _, name := range []string{ // of a timestamp, and where
		overloads.TimeGetDate, overloads.TimeGetDayOfMonth, overloads.TimeGetDayOfWeek, overloads.TimeGetDayOfYear,
		overloads.TimeGetFullYear, overloads.TimeGetHours, overloads.TimeGetMilliseconds, overloads.TimeGetMinutes,
		overloads.TimeGetMonth, overloads.TimeGetSeconds,
	} {
		all[name] = function{guards: []string{lookCall, zoneCall}}
	}
	all[operators.Index] = function{guards: []string{"", keyCall}}
	all[operators.OptIndex] = function{guards: []string{"", keyCall}}
	return all
}

// replaced are those of CEL's that go through containers, or through a text many times.
func replaced() map[string]function {
	in := function{instead: inCall, own: writtenOut, guards: []string{lookCall, ""}}
	unwrap := function{instead: unwrapCall}
	return map[string]function{
		operators.Equals:       {instead: equalsCall, own: light},
		operators.NotEquals:    {instead: differsCall, own: light},
		operators.In:           in,
		operators.OldIn:        in,
		overloads.DeprecatedIn: in,
		operators.Add:          {instead: addCall, own: accumulating},
		overloads.Matches:      {instead: matchesCall},
		"unwrapOpt":            unwrap,
		"optional.unwrap":      unwrap,
	}
}

// internal are those that calls are rewritten to. The first argument is the meter, from
// which each takes what it costs; what that is stands with the function in Go.
func internal() map[string]function {
	return map[string]function{
		lookCall:    {binding: guarding(lookCall, look, cel.DynType)},
		keyCall:     {binding: guarding(keyCall, key, cel.DynType)},
		givenCall:   {binding: guarding(givenCall, given, cel.DynType)},
		eachCall:    {binding: guarding(eachCall, each, cel.DynType)},
		stepCall:    {binding: guarding(stepCall, step, cel.BoolType)},
		zoneCall:    {binding: guarding(zoneCall, zone, cel.DynType)},
		unwrapCall:  {binding: guarding(unwrapCall, unwrap, cel.ListType(cel.DynType))},
		matchesCall: {binding: standing(matchesCall, matches, cel.BoolType)},
		equalsCall:  {binding: standing(equalsCall, equals, cel.BoolType)},
		differsCall: {binding: standing(differsCall, differs, cel.BoolType)},
		inCall:      {binding: standing(inCall, within, cel.BoolType)},
		addCall:     {binding: standing(addCall, add, cel.DynType)},
	}
}

// added are methods of strings that CEL's standard does not have.
func added() map[string]function {
	return map[string]function{
		"lowerAscii": {guards: []string{lookCall}, binding: method("lowerAscii", lowerASCII)},
		"upperAscii": {guards: []string{lookCall}, binding: method("upperAscii", upperASCII)},
		"trim":       {guards: []string{lookCall}, binding: method("trim", strings.TrimSpace)},
	}
}

// macros are what the parser writes out as other expressions. optMap and optFlatMap are not
// among them: they write their target out twice, so that a chain of ten takes seconds to
// compile.
func macros() []cel.Macro {
	return []cel.Macro{
		cel.HasMacro, cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.MapMacro, cel.MapFilterMacro, cel.FilterMacro,
	}
}

// light reports whether none of the operands may take more than a step to be looked at.
func light(r *rewriting, operands []ast.Expr) bool { return !slices.ContainsFunc(operands, r.weighs) }

// writtenOut reports whether what is looked for is looked for in a list of literals that
// may be keys of a map: CEL makes a set of it.
func writtenOut(_ *rewriting, operands []ast.Expr) bool {
	list := operands[1]
	if list.Kind() != ast.ListKind {
		return false
	}
	return !slices.ContainsFunc(list.AsList().Elements(), func(element ast.Expr) bool {
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

// accumulating reports whether a comprehension adds to its result so far, whose list CEL
// lets grow in place.
func accumulating(r *rewriting, operands []ast.Expr) bool {
	result := operands[0]
	return result.Kind() == ast.IdentKind && result.AsIdent() == parser.HiddenAccumulatorName || light(r, operands)
}
