package combine

import (
	"iter"
	"net/http"
	"strings"

	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// lists appends what the arrays that several bodies have under one key become.
func (w *merger) lists(dst []byte, arrays []ref) []byte {
	switch w.arrays {
	case routeconfig.ArraysReplace:
		return append(dst, w.value(arrays[len(arrays)-1])...)
	case routeconfig.ArraysUnique:
		return w.distinct(dst, func(yield func([]byte) bool) {
			for _, a := range arrays {
				for e := range rawjson.Elements(w.value(a)) {
					if !yield(e) {
						return
					}
				}
			}
		})
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

func (c *conflict) problem() problem.Problem {
	return problem.Problem{Kind: problem.Conflict, Status: http.StatusBadGateway, Detail: "the backends' bodies differ at " + c.pointer}
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

// distinct appends a list of the first of equal values, which are those whose bytes are
// equal, space outside strings aside: 1.0 and 1, "A" and "\u0041" are different, as their
// receivers may see them so.
func (w *merger) distinct(dst []byte, values iter.Seq[[]byte]) []byte {
	seen := w.index()
	defer w.release(seen)
	dst = append(dst, '[')
	for v := range values {
		compact := w.compact(v)
		if w.room.short {
			break
		}
		known := len(seen.entries)
		seen.add(w.seed, compact, ref{body: offset(known)})
		if len(seen.entries) == known {
			continue
		}
		if known > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, v...)
	}
	return append(dst, ']')
}

// compact drops the space of a value. Where it has any, that takes room.
func (w *merger) compact(v []byte) []byte {
	if c := v[0]; c != '{' && c != '[' {
		return v
	}
	if !w.room.take(len(v)) {
		return nil
	}
	compact := rawjson.Compact(v)
	if len(compact) == len(v) {
		w.room.give(len(v))
	}
	return compact
}
