package expression

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// span is where an element stands in the text of its array.
type span struct{ start, end int32 }

// array is an array of JSON, whose elements are found when one is asked for.
type array struct {
	raw   []byte
	scan  *scan
	spans []span
	// containers are those among the elements that were asked for so far: what is found
	// out about one is found out once.
	containers map[int]ref.Val
	indexed    bool
}

// index finds the elements; false where too much was scanned.
func (a *array) index() bool {
	if a.indexed {
		return true
	}
	if !a.scan.take(len(a.raw)) {
		return false
	}
	a.indexed = true
	at := 0
	for e := range rawjson.Elements(a.raw) {
		at = offsetOf(a.raw, e)
		a.spans = append(a.spans, span{int32(at), int32(at + len(e))}) //nolint:gosec // no body has more than 64 MiB
	}
	return true
}

// offsetOf is where a part of a slice begins in it.
func offsetOf(whole, part []byte) int { return cap(whole) - cap(part) }

func (a *array) at(i int) ref.Val {
	if v, ok := a.containers[i]; ok {
		return v
	}
	raw := a.raw[a.spans[i].start:a.spans[i].end]
	v := newValue(raw, a.scan)
	if raw[0] == '{' || raw[0] == '[' {
		if a.containers == nil {
			a.containers = map[int]ref.Val{}
		}
		a.containers[i] = v
	}
	return v
}

// Get implements traits.Indexer.
func (a *array) Get(index ref.Val) ref.Val {
	i, err := types.IndexOrError(index)
	if err != nil {
		return types.ValOrErr(index, "%v", err)
	}
	switch {
	case !a.index():
		return errScans()
	case i < 0 || i >= len(a.spans):
		return types.NewErr("index out of bounds: %d", i)
	}
	return a.at(i)
}

// Contains implements traits.Container.
func (a *array) Contains(value ref.Val) ref.Val { return within(value, a) }

// Size implements traits.Sizer.
func (a *array) Size() ref.Val {
	if !a.index() {
		return errScans()
	}
	return types.Int(len(a.spans))
}

// IsZeroValue implements traits.Zeroer.
func (a *array) IsZeroValue() bool { return a.index() && len(a.spans) == 0 }

// Add implements traits.Adder.
func (a *array) Add(other ref.Val) ref.Val { return add(a, other) }

// Iterator implements traits.Iterable.
func (a *array) Iterator() traits.Iterator {
	if !a.index() {
		return &broken{}
	}
	return &elements{of: a}
}

// ConvertToNative implements ref.Val.
func (*array) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("convert array to %v: not supported", t)
}

// ConvertToType implements ref.Val.
func (a *array) ConvertToType(t ref.Type) ref.Val { return convert(a, t) }

// Equal implements ref.Val.
func (a *array) Equal(other ref.Val) ref.Val { return equals(a, other) }

// Type implements ref.Val.
func (*array) Type() ref.Type { return types.ListType }

// Value implements ref.Val.
func (a *array) Value() any { return a }

// elements iterates over those of an array.
type elements struct {
	iteratorValue

	of   *array
	next int
}

// HasNext implements traits.Iterator.
func (e *elements) HasNext() ref.Val { return types.Bool(e.next < len(e.of.spans)) }

// Next implements traits.Iterator.
func (e *elements) Next() ref.Val {
	if e.next == len(e.of.spans) {
		return nil
	}
	e.next++
	return e.of.at(e.next - 1)
}
