package expression

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// object is an object of JSON. Its members are found when one is asked for; of
// several with one key the last wins.
type object struct {
	raw     []byte
	meter   *meter
	places  map[string]int32 // in members; nil for few of them
	members []member         // in the order of their first appearance
	indexed bool
}

// member is one of an object.
type member struct {
	key   string
	raw   []byte
	value ref.Val // nil until it is asked for
}

// index finds the members; the value is the error where that was too much, or nil.
func (o *object) index() ref.Val {
	if o.indexed {
		return nil
	}
	if err := o.meter.scan(len(o.raw)); err != nil {
		return err
	}
	kept := o.meter.kept
	for quoted, value := range rawjson.Members(o.raw) {
		if !o.add(rawjson.Unquote(quoted), value) {
			o.meter.drop(o.meter.kept - kept)
			o.places, o.members = nil, nil
			return o.meter.err()
		}
	}
	o.indexed = true
	return nil
}

// few is how many members are found as fast without a map, which takes more than they do.
const few = 8

// add takes a member in.
func (o *object) add(name, value []byte) bool {
	if i, known := place(o, name); known {
		o.members[i].raw = value
		return true
	}
	n := len(o.members)
	if n%foundPerUnit == 0 && !o.meter.take(1) || !o.meter.keep(memberSize+len(name)) {
		return false
	}
	key := string(name)
	o.members = append(o.members, member{key: key, raw: value})
	switch {
	case n < few:
		return true
	case n > few:
		if !o.meter.keep(slotSize) {
			return false
		}
		o.places[key] = int32(n) //nolint:gosec // no body has more than 64 MiB
		return true
	}
	if !o.meter.keep(tableSize) {
		return false
	}
	o.places = make(map[string]int32, 2*few)
	for i := range o.members {
		o.places[o.members[i].key] = int32(i)
	}
	return true
}

// place is where a member stands.
func place[T []byte | string](o *object, name T) (int, bool) {
	if o.places != nil {
		i, ok := o.places[string(name)]
		return int(i), ok
	}
	for i := range o.members {
		if o.members[i].key == string(name) {
			return i, true
		}
	}
	return 0, false
}

// Find implements traits.Mapper. Where it finds an error, that is the value.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	if err := o.index(); err != nil {
		return err, false
	}
	i, ok := place(o, string(name))
	if !ok {
		return nil, false
	}
	m := &o.members[i]
	if m.value == nil {
		if !o.meter.keep(keptSize(m.raw)) {
			return o.meter.err(), false
		}
		m.value = newValue(m.raw, o.meter)
	}
	return m.value, true
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
	if err := o.index(); err != nil {
		return err
	}
	return types.Int(len(o.members))
}

// IsZeroValue implements traits.Zeroer.
func (o *object) IsZeroValue() bool { return o.index() == nil && len(o.members) == 0 }

// Iterator implements traits.Iterable, over the keys.
func (o *object) Iterator() traits.Iterator {
	if err := o.index(); err != nil {
		return &broken{err: err}
	}
	return &keys{of: o}
}

// ConvertToNative implements ref.Val.
func (*object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("convert object to %v: not supported", t)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val { return convert(o, t) }

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val { return equals(o.meter, o, other) }

// Type implements ref.Val.
func (*object) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (o *object) Value() any { return o }

// String keeps CEL's messages short.
func (*object) String() string { return "an object of the body" }

// keys iterates over those of an object.
type keys struct {
	opaque

	of   *object
	next int
}

// HasNext implements traits.Iterator.
func (k *keys) HasNext() ref.Val { return types.Bool(k.next < len(k.of.members)) }

// Next implements traits.Iterator.
func (k *keys) Next() ref.Val {
	if k.next == len(k.of.members) {
		return nil
	}
	k.next++
	return types.String(k.of.members[k.next-1].key)
}
