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
