package expression

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// plain unwraps a number of the body.
func plain(v ref.Val) ref.Val {
	if n, ok := v.(*number); ok {
		return n.plain()
	}
	return v
}

// look is an argument of a function of CEL's, which looks at all of a text.
func look(m *meter, v ref.Val) ref.Val {
	v = plain(v)
	if !m.text(length(v)) {
		return m.err()
	}
	return v
}

// length is that of a text, 0 of what is none.
func length(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	}
	return 0
}

// key is what a container is asked for. CEL writes what it does not find into an error,
// whole: a list within lists, each of them twice, would never be written to its end.
func key(m *meter, v ref.Val) ref.Val {
	switch v = look(m, v); v.(type) {
	case types.String, types.Int, types.Uint, types.Double, types.Bool, *types.Err:
		return v
	}
	return types.NewErr("no such key: it is no string, number or bool")
}

// given is the value of an entry written with ?, which CEL would write into an error where
// it is no optional.
func given(_ *meter, v ref.Val) ref.Val {
	if _, ok := v.(*types.Optional); ok {
		return v
	}
	return types.NewErr("an entry with ? is no optional")
}

// each is what a comprehension goes through. Of a map CEL copies the keys first.
func each(m *meter, v ref.Val) ref.Val {
	if _, ours := v.(*object); ours {
		return v
	}
	if c, ok := v.(traits.Mapper); ok && !m.take(size(c)) {
		return m.err()
	}
	return v
}

// size is that of a container, 0 where it could not be looked into.
func size(c traits.Sizer) int {
	n, _ := c.Size().(types.Int)
	return int(n)
}

// step is the beginning of a step of a comprehension, which ends it where the evaluation
// is to end.
func step(m *meter, units ref.Val) ref.Val {
	n, _ := units.(types.Int)
	return types.Bool(m.take(int(n)))
}

// zone is the name of a time zone, which is read from a file each time.
func zone(m *meter, v ref.Val) ref.Val {
	if !m.take(zoneUnits) {
		return m.err()
	}
	return look(m, v)
}

const zoneUnits = 200

// unwrap are the values of those of a list of optionals that have one.
func unwrap(m *meter, v ref.Val) ref.Val {
	list, ok := v.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	var all []ref.Val
	for it := list.Iterator(); it.HasNext() == types.True; {
		element := it.Next()
		optional, ok := element.(*types.Optional)
		switch {
		case !m.take(1):
			return m.err()
		case types.IsError(element):
			return element
		case !ok:
			return types.NewErr("an element of the list is no optional")
		case optional.HasValue():
			all = append(all, optional.GetValue())
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all)
}

func differs(m *meter, a, b ref.Val) ref.Val {
	same := equals(m, a, b)
	if same, ok := same.(types.Bool); ok {
		return !same
	}
	return same
}

// equals compares by value, whatever holds the values. Errors come out as they are.
func equals(m *meter, a, b ref.Val) ref.Val {
	if !m.take(1) {
		return m.err()
	}
	switch left := a.(type) {
	case traits.Mapper:
		if right, ok := b.(traits.Mapper); ok {
			return equalMaps(m, left, right)
		}
		return types.False
	case traits.Lister:
		if right, ok := b.(traits.Lister); ok {
			return equalLists(m, left, right)
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
		return equals(m, left.GetValue(), right.GetValue())
	}
	a, b = plain(a), plain(b)
	switch {
	case types.IsError(b): // a number that is out of range
		return b
	case !m.text(min(length(a), length(b))):
		return m.err()
	}
	return a.Equal(b)
}

func equalLists(m *meter, a, b traits.Lister) ref.Val {
	if n, ok := sizes(a, b); !ok {
		return n
	}
	for left, right := a.Iterator(), b.Iterator(); left.HasNext() == types.True && right.HasNext() == types.True; {
		if v := equals(m, left.Next(), right.Next()); v != types.True {
			return v
		}
	}
	return types.True
}

func equalMaps(m *meter, a, b traits.Mapper) ref.Val {
	if n, ok := sizes(a, b); !ok {
		return n
	}
	if types.IsError(each(m, a)) {
		return m.err()
	}
	for it := a.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		if types.IsError(key) {
			return key
		}
		if !m.text(length(key)) {
			return m.err()
		}
		right, ok := b.Find(key)
		if !ok {
			if right != nil { // an error
				return right
			}
			return types.False
		}
		if v := equals(m, a.Get(key), right); v != types.True {
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
func within(m *meter, v, container ref.Val) ref.Val {
	switch c := container.(type) {
	case traits.Mapper:
		if v = key(m, v); types.IsError(v) {
			return v
		}
		found, ok := c.Find(v)
		if !ok && found != nil {
			return found
		}
		return types.Bool(ok)
	case traits.Lister:
		for it := c.Iterator(); it.HasNext() == types.True; {
			element := it.Next()
			if types.IsError(element) {
				return element
			}
			if same := equals(m, v, element); same != types.False {
				return same
			}
		}
		return types.False
	}
	return types.MaybeNoSuchOverloadErr(container)
}

// add puts lists one behind the other at once: CEL would keep both and walk through
// them with each look.
func add(m *meter, a, b ref.Val) ref.Val {
	left, ok := a.(traits.Lister)
	right, both := b.(traits.Lister)
	if !ok || !both {
		a, b = look(m, a), look(m, b)
		adder, ok := a.(traits.Adder)
		if !ok || m.fault != nil {
			return types.MaybeNoSuchOverloadErr(a)
		}
		return adder.Add(b)
	}
	n := size(left) + size(right)
	if !m.take(n) {
		return m.err()
	}
	all := make([]ref.Val, 0, n)
	for _, list := range []traits.Lister{left, right} {
		for it := list.Iterator(); it.HasNext() == types.True; {
			element := it.Next()
			if types.IsError(element) {
				return element
			}
			all = append(all, element)
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all)
}
