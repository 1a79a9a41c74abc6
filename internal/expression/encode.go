package expression

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

var (
	errTooLarge = errors.New("yields more than maxBodySize")
	errTooDeep  = errors.New("yields a value nested too deep")
	errNoNumber = errors.New("yields NaN or an infinity, which JSON does not have")
)

// encoder writes values as JSON: those of the body with their bytes, objects that an
// expression made in the order of their keys, so that the same request makes the same
// bytes.
type encoder struct {
	meter  *meter
	memory Memory
	dst    []byte
	limit  int
}

// room has n more bytes fit in, and takes them first.
func (e *encoder) room(n int) error {
	if n > e.limit-len(e.dst) {
		return errTooLarge
	}
	need := len(e.dst) + n
	if need <= cap(e.dst) {
		return nil
	}
	size := min(max(2*cap(e.dst), need, minEncoded), max(e.limit, need))
	if !e.memory.Take(int64(size)) {
		return ErrMemory
	}
	dst := make([]byte, len(e.dst), size)
	copy(dst, e.dst)
	e.give()
	e.dst = dst
	return nil
}

const minEncoded = 256

// give gives the memory back that was taken.
func (e *encoder) give() { e.memory.Give(int64(cap(e.dst))) }

func (e *encoder) append(b ...byte) error {
	if err := e.room(len(b)); err != nil {
		return err
	}
	e.dst = append(e.dst, b...)
	return nil
}

func (e *encoder) text(s string) error {
	if err := e.room(quotedSize(s)); err != nil {
		return err
	}
	e.dst = rawjson.AppendString(e.dst, s)
	return nil
}

// quotedSize is the length of a text with quotes and escapes.
func quotedSize(s string) int {
	n := len(s) + 2
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			n++
		case c < ' ':
			n += 5
		}
	}
	return n
}

func (e *encoder) value(v ref.Val, depth int) error {
	if depth > rawjson.MaxDepth {
		return errTooDeep
	}
	if !e.meter.take(1) {
		return e.meter.fault
	}
	switch v := v.(type) {
	case *object:
		return e.append(v.raw...)
	case *array:
		return e.append(v.raw...)
	case *number:
		return e.append(v.raw...)
	case types.String:
		return e.string(string(v))
	case *types.Optional:
		if !v.HasValue() {
			return e.append([]byte("null")...)
		}
		return e.value(v.GetValue(), depth+1)
	case traits.Mapper:
		return e.object(v, depth)
	case traits.Lister:
		return e.array(v, depth)
	}
	return e.scalar(v)
}

// string writes text. Escapes of lone surrogates have no other way to be written.
func (e *encoder) string(s string) error {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return e.text(s)
}

func (e *encoder) scalar(v ref.Val) error {
	switch v := v.(type) {
	case types.Null:
		return e.append([]byte("null")...)
	case types.Bool:
		return e.append(strconv.AppendBool(nil, bool(v))...)
	case types.Int:
		return e.append(strconv.AppendInt(nil, int64(v), 10)...)
	case types.Uint:
		return e.append(strconv.AppendUint(nil, uint64(v), 10)...)
	case types.Double:
		if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return e.append(strconv.AppendFloat(nil, f, 'g', -1, 64)...)
		}
		return errNoNumber
	case types.Bytes:
		return e.text(base64.StdEncoding.EncodeToString(v))
	case types.Timestamp:
		return e.text(v.Time.UTC().Format(time.RFC3339Nano))
	case types.Duration:
		return e.text(v.String())
	}
	return fmt.Errorf("yields %s, which JSON does not have", v.Type())
}

func (e *encoder) array(list traits.Lister, depth int) error {
	if err := e.append('['); err != nil {
		return err
	}
	for it, first := list.Iterator(), true; it.HasNext() == types.True; first = false {
		if !first {
			if err := e.append(','); err != nil {
				return err
			}
		}
		if err := e.value(it.Next(), depth+1); err != nil {
			return err
		}
	}
	return e.append(']')
}

func (e *encoder) object(m traits.Mapper, depth int) error {
	values := map[string]ref.Val{}
	var names []string
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := plain(key).ConvertToType(types.StringType).(types.String)
		if !ok {
			return fmt.Errorf("yields an object with a key of type %s", key.Type())
		}
		if _, known := values[string(name)]; known {
			return fmt.Errorf("yields an object with the key %q twice", name)
		}
		values[string(name)] = m.Get(key)
		names = append(names, string(name))
	}
	slices.Sort(names)
	if err := e.append('{'); err != nil {
		return err
	}
	for i, name := range names {
		if i > 0 {
			if err := e.append(','); err != nil {
				return err
			}
		}
		if err := e.string(name); err != nil {
			return err
		}
		if err := e.append(':'); err != nil {
			return err
		}
		if err := e.value(values[name], depth+1); err != nil {
			return err
		}
	}
	return e.append('}')
}
