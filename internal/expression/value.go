package expression

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// scan is what looking into one body has cost: containers are scanned when they are
// first looked into, and what is nested is scanned again with each of its levels.
type scan struct{ left int }

// maxScans bounds it to so many times the body.
const maxScans = 16

// take reports whether so many bytes may still be scanned.
func (s *scan) take(n int) bool {
	s.left -= n
	return s.left >= 0
}

func errScans() ref.Val {
	return types.NewErr("the body is looked into too deep: more than %d times its size", maxScans)
}

// newValue is a valid value of JSON, of which nothing is decoded yet.
func newValue(raw []byte, s *scan) ref.Val {
	switch raw[0] {
	case '{':
		return &object{raw: raw, scan: s}
	case '[':
		return &array{raw: raw, scan: s}
	case '"':
		return types.String(rawjson.Unquote(raw))
	case 't':
		return types.True
	case 'f':
		return types.False
	case 'n':
		return types.NullValue
	}
	return &number{raw: raw}
}

// number is one whose bytes are kept until something is computed with it.
type number struct{ raw []byte }

// plain is an exact integer of 64 bits, or a double.
func (n *number) plain() ref.Val {
	if i, err := strconv.ParseInt(string(n.raw), 10, 64); err == nil {
		return types.Int(i)
	}
	f, err := strconv.ParseFloat(string(n.raw), 64)
	if err != nil {
		return types.NewErr("the number %s is out of range", n.raw)
	}
	return types.Double(f)
}

// ConvertToNative implements ref.Val.
func (n *number) ConvertToNative(t reflect.Type) (any, error) {
	return n.plain().ConvertToNative(t) //nolint:wrapcheck // of the same package's kind
}

// ConvertToType implements ref.Val.
func (n *number) ConvertToType(t ref.Type) ref.Val { return n.plain().ConvertToType(t) }

// Equal implements ref.Val.
func (n *number) Equal(other ref.Val) ref.Val { return equals(n, other) }

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
	iteratorValue

	told bool
}

// HasNext implements traits.Iterator.
func (b *broken) HasNext() ref.Val { return types.Bool(!b.told) }

// Next implements traits.Iterator.
func (b *broken) Next() ref.Val {
	b.told = true
	return errScans()
}

// iteratorValue is the part of an iterator that is a value, which nobody asks for.
type iteratorValue struct{}

// ConvertToNative implements ref.Val.
func (iteratorValue) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("convert iterator to %v: not supported", t)
}

// ConvertToType implements ref.Val.
func (iteratorValue) ConvertToType(ref.Type) ref.Val { return types.NewErr("an iterator is no value") }

// Equal implements ref.Val.
func (iteratorValue) Equal(ref.Val) ref.Val { return types.False }

// Type implements ref.Val.
func (iteratorValue) Type() ref.Type { return types.IteratorType }

// Value implements ref.Val.
func (iteratorValue) Value() any { return nil }
