package combine

import (
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// lists appends what the arrays that several bodies have under one key become.
func (w *merger) lists(dst []byte, arrays []ref) []byte {
	switch w.arrays {
	case routeconfig.ArraysReplace:
		return append(dst, w.value(arrays[len(arrays)-1])...)
	case routeconfig.ArraysUnique:
		var elements [][]byte
		for _, a := range arrays {
			elements = slices.AppendSeq(elements, rawjson.Elements(w.value(a)))
		}
		return appendList(dst, w.distinct(elements))
	}
	dst = append(dst, '[')
	empty := true
	for _, a := range arrays {
		array := w.value(a)
		inner := array[rawjson.SkipSpace(array, 1) : len(array)-1]
		if len(inner) == 0 {
			continue
		}
		if !empty {
			dst = append(dst, ',')
		}
		dst, empty = append(dst, inner...), false
	}
	return append(dst, ']')
}

// conflict is a key under which onConflict Error found different values.
type conflict struct{ pointer string }

func (c *conflict) text() explanation {
	return explanation{"conflict", "Conflicting values", "the backends' bodies differ at " + c.pointer}
}

// pointer names a place by the keys that lead to it (RFC 6901).
func pointer(path [][]byte) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, key := range path {
		b.WriteByte('/')
		b.WriteString(escape.Replace(string(key)))
	}
	return b.String()
}

// distinct keeps the first of equal values, which are those whose bytes are equal,
// space outside strings aside: 1.0 and 1, "A" and "\u0041" are different, as their
// receivers may see them so.
func (w *merger) distinct(values [][]byte) [][]byte {
	seen := w.index()
	defer w.release(seen)
	out := values[:0]
	for i, v := range values {
		known := len(seen.entries)
		seen.add(w.seed, rawjson.Compact(v), ref{body: offset(i)})
		if len(seen.entries) > known {
			out = append(out, v)
		}
	}
	return out
}

func appendList(dst []byte, elements [][]byte) []byte {
	dst = append(dst, '[')
	for i, e := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, e...)
	}
	return append(dst, ']')
}
