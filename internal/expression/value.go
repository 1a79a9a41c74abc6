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

// object is an object of JSON. Its members are found when one is asked for; of
// several with one key the last wins.
type object struct {
	raw     []byte
	scan    *scan
	spans   map[string][]byte
	members map[string]ref.Val // those asked for so far
	keys    []string           // in the order of their first appearance
}

// index finds the members; false where too much was scanned.
func (o *object) index() bool {
	if o.spans != nil {
		return true
	}
	if !o.scan.take(len(o.raw)) {
		return false
	}
	o.spans, o.members = map[string][]byte{}, map[string]ref.Val{}
	for quoted, value := range rawjson.Members(o.raw) {
		key := string(rawjson.Unquote(quoted))
		if _, known := o.spans[key]; !known {
			o.keys = append(o.keys, key)
		}
		o.spans[key] = value
	}
	return true
}

// Find implements traits.Mapper. Where it finds an error, that is the value.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	if !o.index() {
		return errScans(), false
	}
	if v, ok := o.members[string(name)]; ok {
		return v, true
	}
	raw, ok := o.spans[string(name)]
	if !ok {
		return nil, false
	}
	v := newValue(raw, o.scan)
	o.members[string(name)] = v
	return v, true
}

// Get implements traits.Indexer.
func (o *object) Get(key ref.Val) ref.Val {
	if v, ok := o.Find(key); ok || v != nil {
		return v
	}
	return types.NewErr("no such key: %v", key)
}

// Contains implements traits.Container.
func (o *object) Contains(key ref.Val) ref.Val {
	v, ok := o.Find(key)
	if !ok && v != nil {
		return v
	}
	return types.Bool(ok)
}

// Size implements traits.Sizer.
func (o *object) Size() ref.Val {
	if !o.index() {
		return errScans()
	}
	return types.Int(len(o.spans))
}

// IsZeroValue implements traits.Zeroer.
func (o *object) IsZeroValue() bool { return o.index() && len(o.spans) == 0 }

// Iterator implements traits.Iterable, over the keys.
func (o *object) Iterator() traits.Iterator {
	if !o.index() {
		return &broken{}
	}
	return types.NewStringList(types.DefaultTypeAdapter, o.keys).Iterator()
}

// ConvertToNative implements ref.Val.
func (*object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("convert object to %v: not supported", t)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val { return convert(o, t) }

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val { return equals(o, other) }

// Type implements ref.Val.
func (*object) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (o *object) Value() any { return o }

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
