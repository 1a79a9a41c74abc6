package expression

import (
	"reflect"
	"strconv"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// What is kept of a body takes memory, in bytes as measured for the unluckiest bodies:
// what grows is half empty at times.
const (
	// containerSize is that of an object or array that was looked at.
	containerSize = 104
	// valueSize is that of another value that is kept, a text's own bytes apart.
	valueSize = 64
	// memberSize is that of a member in the index of its object, its key's own bytes apart.
	memberSize = 128
	// tableSize is that of the map of a few members, slotSize that of each one more.
	tableSize = 768
	slotSize  = 64
	// long is from which length on, in bytes, elements of arrays are kept that were decoded:
	// shorter ones are decoded as fast as they are found.
	long = 32
	// foundPerUnit are the members or elements that are found in a container for one unit.
	foundPerUnit = 1024
)

// newValue is a valid value of JSON, of which nothing is decoded yet but text.
func newValue(raw []byte, m *meter) ref.Val {
	switch raw[0] {
	case '{':
		return &object{raw: raw, meter: m}
	case '[':
		return &array{raw: raw, meter: m}
	case '"':
		return types.String(rawjson.Unquote(raw))
	case 't':
		return types.True
	case 'f':
		return types.False
	case 'n':
		return types.NullValue
	}
	return &number{raw: raw, meter: m}
}

// keptSize is what it takes to keep the value of some text.
func keptSize(raw []byte) int {
	switch raw[0] {
	case '{', '[':
		return containerSize
	case '"':
		return valueSize + len(raw)*9/8 // sizes of the allocator are apart by an eighth
	}
	return valueSize
}

// short reports whether a value is found again as fast as it is kept.
func short(raw []byte) bool { return len(raw) < long && raw[0] != '{' && raw[0] != '[' }

// number is one whose bytes are kept until something is computed with it.
type number struct {
	raw   []byte
	meter *meter
	value ref.Val // of a long one that was computed with
}

// plain is an exact integer of 64 bits, or a double. A long one costs by its length, once.
func (n *number) plain() ref.Val {
	switch {
	case n.value != nil:
		return n.value
	case short(n.raw):
		return n.parse()
	case !n.meter.text(len(n.raw)):
		return n.meter.err()
	}
	n.value = n.parse()
	return n.value
}

func (n *number) parse() ref.Val {
	if i, err := strconv.ParseInt(string(n.raw), 10, 64); err == nil {
		return types.Int(i)
	}
	f, err := strconv.ParseFloat(string(n.raw), 64)
	if err != nil {
		return types.NewErr("a number is out of range")
	}
	return types.Double(f)
}

// ConvertToNative implements ref.Val.
func (n *number) ConvertToNative(t reflect.Type) (any, error) {
	return n.plain().ConvertToNative(t)
}

// ConvertToType implements ref.Val.
func (n *number) ConvertToType(t ref.Type) ref.Val { return n.plain().ConvertToType(t) }

// Equal implements ref.Val.
func (n *number) Equal(other ref.Val) ref.Val { return equals(n.meter, n, other) }

// Type implements ref.Val.
func (n *number) Type() ref.Type { return n.plain().Type() }

// IsZeroValue implements traits.Zeroer.
func (n *number) IsZeroValue() bool {
	z, ok := n.plain().(traits.Zeroer)
	return ok && z.IsZeroValue()
}

// Value implements ref.Val.
func (n *number) Value() any { return n.plain().Value() }

// convert makes of a container what CEL makes of one.
func convert(v ref.Val, t ref.Type) ref.Val {
	switch t {
	case v.Type():
		return v
	case types.TypeType:
		if kind, ok := v.Type().(*types.Type); ok {
			return kind
		}
	}
	return types.NewErr("type conversion error from %q to %q", v.Type(), t)
}

// broken iterates over what could not be looked into: over the error.
type broken struct {
	opaque

	err ref.Val // nil when it was told
}

// HasNext implements traits.Iterator.
func (b *broken) HasNext() ref.Val { return types.Bool(b.err != nil) }

// Next implements traits.Iterator.
func (b *broken) Next() ref.Val {
	err := b.err
	b.err = nil
	return err
}
