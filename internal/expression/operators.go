package expression

import (
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

const (
	// maxNodes bounds the values that one comparison looks at: the same value may stand
	// in a container, and that in another one, many times over.
	maxNodes = 20_000
	// maxElements bounds a list that is added up.
	maxElements = 100_000
)

func tooLarge(what string) ref.Val {
	return types.NewErr("a value is too large to %s", what)
}

// scalar unwraps a number of the body.
func scalar(v ref.Val) ref.Val {
	if n, ok := v.(*number); ok {
		return n.plain()
	}
	return v
}

func equals(a, b ref.Val) ref.Val {
	nodes := maxNodes
	return equal(a, b, &nodes)
}

func differs(a, b ref.Val) ref.Val {
	if same, ok := equals(a, b).(types.Bool); ok {
		return !same
	}
	return equals(a, b)
}

// equal compares by value, whatever holds the values. Errors come out as they are.
func equal(a, b ref.Val, nodes *int) ref.Val {
	if *nodes--; *nodes < 0 {
		return tooLarge("compare")
	}
	switch left := a.(type) {
	case traits.Mapper:
		if right, ok := b.(traits.Mapper); ok {
			return equalMaps(left, right, nodes)
		}
		return types.False
	case traits.Lister:
		if right, ok := b.(traits.Lister); ok {
			return equalLists(left, right, nodes)
		}
		return types.False
	case *types.Optional:
		right, ok := b.(*types.Optional)
		if !ok || left.HasValue() != right.HasValue() {
			return types.False
		}
		if !left.HasValue() {
			return types.True
		}
		return equal(left.GetValue(), right.GetValue(), nodes)
	}
	return scalar(a).Equal(scalar(b))
}

func equalLists(a, b traits.Lister, nodes *int) ref.Val {
	if n, ok := sizes(a, b); !ok {
		return n
	}
	for left, right := a.Iterator(), b.Iterator(); left.HasNext() == types.True && right.HasNext() == types.True; {
		if v := equal(left.Next(), right.Next(), nodes); v != types.True {
			return v
		}
	}
	return types.True
}

func equalMaps(a, b traits.Mapper, nodes *int) ref.Val {
	if n, ok := sizes(a, b); !ok {
		return n
	}
	for it := a.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		if types.IsError(key) {
			return key
		}
		right, ok := b.Find(key)
		if !ok {
			if right != nil { // an error
				return right
			}
			return types.False
		}
		if v := equal(a.Get(key), right, nodes); v != types.True {
			return v
		}
	}
	return types.True
}

// sizes reports whether two containers are equally large; the value is what to answer
// where they are not.
func sizes(a, b traits.Sizer) (ref.Val, bool) {
	left, right := a.Size(), b.Size()
	switch {
	case types.IsError(left):
		return left, false
	case types.IsError(right):
		return right, false
	}
	return types.False, left.Equal(right) == types.True
}

// within looks for a value in a list, or for a key in a map.
func within(v, container ref.Val) ref.Val {
	switch c := container.(type) {
	case traits.Mapper:
		found, ok := c.Find(scalar(v))
		if !ok && found != nil {
			return found
		}
		return types.Bool(ok)
	case traits.Lister:
		nodes := maxNodes
		for it := c.Iterator(); it.HasNext() == types.True; {
			element := it.Next()
			if types.IsError(element) {
				return element
			}
			if same := equal(v, element, &nodes); same != types.False {
				return same
			}
		}
		return types.False
	}
	return types.MaybeNoSuchOverloadErr(container)
}

// add puts lists one behind the other at once: CEL would keep both and walk through
// them with each look.
func add(a, b ref.Val) ref.Val {
	left, ok := a.(traits.Lister)
	right, both := b.(traits.Lister)
	if !ok || !both {
		adder, ok := scalar(a).(traits.Adder)
		if !ok {
			return types.MaybeNoSuchOverloadErr(a)
		}
		return adder.Add(scalar(b))
	}
	var all []ref.Val
	for _, list := range []traits.Lister{left, right} {
		for it := list.Iterator(); it.HasNext() == types.True; {
			element := it.Next()
			if types.IsError(element) {
				return element
			}
			if all = append(all, element); len(all) > maxElements {
				return tooLarge("add to")
			}
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all)
}

// costs charges calls by the size of what they look at. CEL's own charges go by
// overloads, which are not known of values whose type is not known before.
type costs struct{}

// The units of cost: a step is one, and so is the look at so many bytes.
const (
	bytesPerUnit   = 10
	patternPerUnit = 4
)

// CallCost implements interpreter.ActualCostEstimator. It is asked after the call.
func (costs) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	cost := uint64(1)
	switch function {
	case scalarCall:
		cost = 0
	case equalsCall, differsCall:
		cost += min(weight(args[0], maxNodes), weight(args[1], maxNodes))
	case inCall:
		if _, ok := args[1].(traits.Mapper); !ok {
			cost += weight(args[1], maxNodes)
		}
	case addCall:
		cost += text(args[0]) + text(args[1])
		if list, ok := result.(traits.Lister); ok {
			n, _ := list.Size().(types.Int)
			cost += uint64(max(n, 0))
		}
	case overloads.Matches:
		cost += (text(args[0]) + 1) * (text(args[len(args)-1])*bytesPerUnit/patternPerUnit + 1)
	default:
		for _, a := range args {
			cost += text(a)
		}
	}
	return &cost
}

// text is the weight of a string.
func text(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v)) / bytesPerUnit
	case types.Bytes:
		return uint64(len(v)) / bytesPerUnit
	}
	return 0
}

// weight is about the number of values in a value, up to most.
func weight(v ref.Val, most int) uint64 {
	left := most
	count(v, &left)
	return uint64(most - max(left, 0)) //nolint:gosec // not negative
}

func count(v ref.Val, left *int) {
	if *left--; *left < 0 {
		return
	}
	switch v := v.(type) {
	case *object:
		*left -= len(v.raw) / bytesPerUnit
	case *array:
		*left -= len(v.raw) / bytesPerUnit
	case traits.Mapper:
		for it := v.Iterator(); *left > 0 && it.HasNext() == types.True; {
			count(v.Get(it.Next()), left)
		}
	case traits.Lister:
		for it := v.Iterator(); *left > 0 && it.HasNext() == types.True; {
			count(it.Next(), left)
		}
	default:
		*left -= int(text(v)) //nolint:gosec // of a body
	}
}
