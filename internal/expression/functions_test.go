package expression

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// calls has a call of each function that an expression can write, of $T, a text of the body,
// $L, a list of it, $O, a list of optionals, and $W, a time: what it costs by grows with the
// first three.
var calls = map[string]string{
	"!_": `!$T`, "-_": `-$T`, "_-_": `$T - $T`, "_*_": `$T * $T`, "_/_": `$T / $T`, "_%_": `$T % $T`, "_+_": `$T + $T`,
	"_<_": `$T < $T`, "_<=_": `$T <= $T`, "_>_": `$T > $T`, "_>=_": `$T >= $T`, "_==_": `$T == $T`, "_!=_": `$T != $T`,
	"_&&_": `$T && true`, "_||_": `$T || true`, "_?_:_": `$T ? 1 : $T`, "_?._": `request.body.?t`,
	"_[_]": `request.body[$T]`, "_[?_]": `request.body[?$T]`, "@in": `$T in [$T]`,
	"bool": `bool($T)`, "bytes": `bytes($T)`, "double": `double($T)`, "duration": `duration($T)`, "dyn": `dyn($T)`,
	"int": `int($T)`, "string": `string($T)`, "timestamp": `timestamp($T)`, "type": `type($T)`, "uint": `uint($T)`,
	"contains": `$T.contains('y')`, "startsWith": `$T.startsWith('y')`, "endsWith": `$T.endsWith('y')`, "matches": `$T.matches('y')`,
	"size": `size($T)`, "lowerAscii": `$T.lowerAscii()`, "upperAscii": `$T.upperAscii()`, "trim": `$T.trim()`,
	"first": `[$T].first()`, "last": `$L.last()`, "hasValue": `optional.of($T).hasValue()`,
	"or": `optional.of($T).or(optional.of($T))`, "orValue": `optional.of($T).orValue($T)`, "value": `optional.of($T).value()`,
	"optional.of": `optional.of($T)`, "optional.ofNonZeroValue": `optional.ofNonZeroValue($T)`, "optional.none": `optional.none()`,
	"unwrapOpt": `$O.unwrapOpt()`, "optional.unwrap": `optional.unwrap($O)`,
	"getDate": `$W.getDate($T)`, "getDayOfMonth": `$W.getDayOfMonth($T)`, "getDayOfWeek": `$W.getDayOfWeek($T)`,
	"getDayOfYear": `$W.getDayOfYear($T)`, "getFullYear": `$W.getFullYear($T)`, "getHours": `$W.getHours($T)`,
	"getMilliseconds": `$W.getMilliseconds($T)`, "getMinutes": `$W.getMinutes($T)`, "getMonth": `$W.getMonth($T)`, "getSeconds": `$W.getSeconds($T)`,
}

// unwritten are names of functions that no expression can write: those of old releases that
// CEL does not find any more, one that macros write alone, and a word of the language.
var unwritten = []string{"_in_", "__not_strictly_false__", "@not_strictly_false", "in"}

// Each function of the environment stands in the table of functions and costs as it says:
// one that is new with a release of cel-go, or with a library, is a place where a body of a
// stranger makes work that nobody pays for.
func TestK3EveryFunctionIsKnown(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for name, declared := range c.env.Functions() {
		f, known := c.functions[name]
		if !known {
			t.Errorf("%s is in no table of functions.go: how does it cost?", name)
			continue
		}
		for _, o := range declared.OverloadDecls() {
			for i, operand := range o.ArgTypes() {
				if why := unguarded(name, &f, i, operand); why != "" {
					t.Errorf("%s, overload %s: operand %d, %s, %s", name, o.ID(), i, operand, why)
				}
			}
		}
	}
	for name := range c.functions {
		if _, declared := c.env.Functions()[name]; !declared {
			t.Errorf("%s is in the table, and CEL has no such function", name)
		}
	}
}

// unguarded says why the guard of an operand does not do for its type, if it does not.
func unguarded(name string, f *function, operand int, of *cel.Type) string {
	switch guard := f.guard(operand); {
	case f.instead != "" || strings.HasPrefix(name, "@"):
	case guard == "" && slices.Contains([]types.Kind{types.StringKind, types.BytesKind}, of.Kind()):
		if name != "_?._" { // whose name of a field is written out
			return "is passed on, and is a text"
		}
	case guard == lookCall && slices.Contains([]types.Kind{types.ListKind, types.MapKind, types.OpaqueKind, types.TypeParamKind}, of.Kind()):
		if name != "size" && name != "type" { // which go through nothing
			return "is looked at as a text, and may hold many"
		}
	}
	return ""
}

// K3: a call of each function costs by the bytes or elements that it looks at, and one that
// looks at none costs the same whatever it passes on.
func TestK3EveryFunctionCosts(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for name := range c.env.Functions() {
		f := c.functions[name]
		source, written := calls[name]
		switch {
		case f.binding != nil && strings.HasPrefix(name, "@") || slices.Contains(unwritten, name):
			continue
		case !written:
			t.Errorf("there is no call of %s here", name)
			continue
		}
		source = strings.NewReplacer("$T", "request.body.t", "$L", "request.body.l", "$O", "request.body.l.map(x, optional.of(x))",
			"$W", "timestamp('2020-01-01T00:00:00Z')").Replace(source)
		grown := units(t, c, source, 3000) - units(t, c, source, 1)
		passes := f.instead == "" && len(f.guards) == 0
		if passes && grown > 10 || !passes && grown < 2999 {
			t.Errorf("%s: costs %d more units with 3000 times as much to look at", source, grown)
		}
	}
}

// K3: each turn of a macro costs.
func TestK3EveryMacroCosts(t *testing.T) {
	t.Parallel()
	written := map[string]string{
		"has:1:false": `has($L.x)`, "all:2:true": `$L.all(x, true)`, "exists:2:true": `$L.exists(x, false)`,
		"exists_one:2:true": `$L.exists_one(x, true)`, "map:2:true": `$L.map(x, x)`, "map:3:true": `$L.map(x, true, x)`, "filter:2:true": `$L.filter(x, true)`,
	}
	c := compiler(t)
	for _, m := range c.env.Macros() {
		source, known := written[m.MacroKey()]
		if !known {
			t.Errorf("macro %s is not known: what does it write out, and how often?", m.MacroKey())
			continue
		}
		source = strings.ReplaceAll(source, "$L", "request.body.l")
		grown := units(t, c, source, 3000) - units(t, c, source, 1)
		if turns := m.Function() != "has"; turns != (grown >= 2999) {
			t.Errorf("%s: costs %d more units with 3000 times as many turns", source, grown)
		}
	}
}

// units is what an expression costs of a text of 10 × n bytes and a list of n elements; what
// it yields does not matter.
func units(t *testing.T, c *Compiler, source string, n int) int {
	t.Helper()
	p, err := c.Compile(source, JSON)
	if err != nil {
		if p, err = c.Compile("["+source+"].size() > 0", Bool); err != nil { // of a type that is no JSON
			t.Fatalf("%s: %v", source, err)
		}
	}
	in := input(fmt.Sprintf(`{"t":"%s","l":%s}`, strings.Repeat("0123456789", n), list("1", n)))
	_, _ = p.eval(t.Context(), in)
	in.meter.end()
	return in.meter.spent
}

// A function of a library that the table does not know is refused by name.
func TestK3UnknownFunctionsAreRefused(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	env, err := c.env.Extend(cel.Function("cube", cel.Overload("cube_int", []*cel.Type{cel.IntType}, cel.IntType)))
	if err != nil {
		t.Fatal(err)
	}
	c.env = env
	if _, err := c.Compile("1 +\n cube(2)", JSON); err == nil || err.Error() != "line 2, column 6: cube is a function that expressions may not call" {
		t.Errorf("a function of no table: %v", err)
	}
	if _, known := c.functions["cube"]; known {
		t.Error("the function is known")
	}
}
