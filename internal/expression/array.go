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
	meter *meter
	spans []span
	// values are those among the elements that were asked for so far and are kept: what is
	// found out about one is found out once. There are none before the first of them.
	values  []ref.Val
	indexed bool
}

const (
	spanSize    = 8
	minSpans    = 4
	elementSize = 16
)

// index finds the elements; the value is the error where that was too much, or nil.
func (a *array) index() ref.Val {
	if a.indexed {
		return nil
	}
	if err := a.meter.scan(len(a.raw)); err != nil {
		return err
	}
	for e := range rawjson.Elements(a.raw) {
		if len(a.spans)%foundPerUnit == 0 && !a.meter.take(1) || len(a.spans) == cap(a.spans) && !a.grow() {
			a.meter.drop(int64(cap(a.spans)) * spanSize)
			a.spans = nil
			return a.meter.err()
		}
		at := offsetOf(a.raw, e)
		a.spans = append(a.spans, span{int32(at), int32(at + len(e))}) //nolint:gosec // no body has more than 64 MiB
	}
	a.indexed = true
	return nil
}

// grow makes room for more spans.
func (a *array) grow() bool {
	size := max(2*cap(a.spans), minSpans)
	if !a.meter.keep(size * spanSize) {
		return false
	}
	spans := make([]span, len(a.spans), size)
	copy(spans, a.spans)
	a.meter.drop(int64(cap(a.spans)) * spanSize)
	a.spans = spans
	return true
}

// offsetOf is where a part of a slice begins in it.
func offsetOf(whole, part []byte) int { return cap(whole) - cap(part) }

func (a *array) at(i int) ref.Val {
	if a.values != nil && a.values[i] != nil {
		return a.values[i]
	}
	raw := a.raw[a.spans[i].start:a.spans[i].end]
	if short(raw) {
		return newValue(raw, a.meter)
	}
	if !a.meter.keep(keptSize(raw)) || a.values == nil && !a.meter.keep(len(a.spans)*elementSize) {
		return a.meter.err()
	}
	if a.values == nil {
		a.values = make([]ref.Val, len(a.spans))
	}
	v := newValue(raw, a.meter)
	a.values[i] = v
	return v
}

// Get implements traits.Indexer.
func (a *array) Get(index ref.Val) ref.Val {
	i, err := types.IndexOrError(index)
	if err != nil {
		return types.ValOrErr(index, "%v", err)
	}
	if err := a.index(); err != nil {
		return err
	}
	if i < 0 || i >= len(a.spans) {
		return types.NewErr("index out of bounds: %d", i)
	}
	return a.at(i)
}

// Contains implements traits.Container.
func (a *array) Contains(value ref.Val) ref.Val { return within(a.meter, value, a) }

// Size implements traits.Sizer.
func (a *array) Size() ref.Val {
	if err := a.index(); err != nil {
		return err
	}
	return types.Int(len(a.spans))
}

// IsZeroValue implements traits.Zeroer.
func (a *array) IsZeroValue() bool { return a.index() == nil && len(a.spans) == 0 }

// Add implements traits.Adder.
func (a *array) Add(other ref.Val) ref.Val { return add(a.meter, a, other) }

// Iterator implements traits.Iterable.
func (a *array) Iterator() traits.Iterator {
	if err := a.index(); err != nil {
		return &broken{err: err}
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
func (a *array) Equal(other ref.Val) ref.Val { return equals(a.meter, a, other) }

// Type implements ref.Val.
func (*array) Type() ref.Type { return types.ListType }

// Value implements ref.Val.
func (a *array) Value() any { return a }

// String keeps CEL's messages short.
func (*array) String() string { return "an array of the body" }

// elements iterates over those of an array.
type elements struct {
	opaque

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
