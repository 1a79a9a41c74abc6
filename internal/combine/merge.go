package combine

import (
	"strings"
	"sync"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// merge makes one object of the backends' objects. Keys that only one of them has
// are copied with their bytes; only what several have is looked into.
type merge struct {
	onConflict, arrays string
	scratch            *sync.Pool // of *merger
}

func newMerge(onConflict, arrays string) merge {
	return merge{onConflict, arrays, &sync.Pool{New: func() any { return &merger{} }}}
}

func (merge) fits(a *fanout.Answer) (content, bool) {
	parsed := examine(a)
	return parsed, parsed.kind == empty || parsed.kind == jsonValue && parsed.json[0] == '{'
}

func (m merge) write(_ *Combiner, r *fanout.Result, dst []byte) ([]byte, *conflict) {
	w, _ := m.scratch.Get().(*merger)
	defer m.scratch.Put(w)
	w.merge = m
	w.path = w.path[:0]
	w.clash = nil
	objects := make([][]byte, 0, len(r.Answers))
	for i := range r.Answers {
		if parsed, _ := r.Answers[i].Checked.(content); r.Answers[i].Outcome == fanout.Succeeded && parsed.kind == jsonValue {
			objects = append(objects, parsed.json)
		}
	}
	dst = w.objects(dst, objects)
	return dst, w.clash
}

// conflict is a key under which onConflict Error found different values.
type conflict struct{ pointer string }

func (c *conflict) text() explanation {
	return explanation{"conflict", "Conflicting values", "the backends' bodies differ at " + c.pointer}
}

// merger is one merge under way.
type merger struct {
	merge

	path  [][]byte // keys down to here, with their quotes
	clash *conflict
	free  []*index // of finished objects, to be used again
}

// objects appends the merge of objects. Of one object the bytes are its own.
func (w *merger) objects(dst []byte, objects [][]byte) []byte {
	if len(objects) == 1 {
		return append(dst, objects[0]...)
	}
	ix := w.index()
	for _, o := range objects {
		ix.addObject(o)
	}
	dst = append(dst, '{')
	for i := range ix.entries {
		e := &ix.entries[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, e.key...), ':')
		if e.more == 0 {
			dst = append(dst, e.value...)
			continue
		}
		w.path = append(w.path, e.key)
		dst = w.resolve(dst, ix.values(e))
		w.path = w.path[:len(w.path)-1]
	}
	ix.reset() // lets go of the bodies
	w.free = append(w.free, ix)
	return append(dst, '}')
}

func (w *merger) index() *index {
	if n := len(w.free); n > 0 {
		ix := w.free[n-1]
		w.free = w.free[:n-1]
		return ix
	}
	return newIndex()
}

// resolve appends what several values under one key become.
func (w *merger) resolve(dst []byte, values [][]byte) []byte {
	switch {
	case allBegin(values, '{'):
		return w.objects(dst, values)
	case allBegin(values, '['):
		return w.lists(dst, values)
	case allEqual(values):
		return append(dst, values[0]...)
	}
	switch w.onConflict {
	case routeconfig.ConflictLast:
		return append(dst, values[len(values)-1]...)
	case routeconfig.ConflictCollect:
		return appendList(dst, distinct(values))
	case routeconfig.ConflictError:
		if w.clash == nil {
			w.clash = &conflict{pointer: pointer(w.path)}
		}
	}
	return append(dst, values[0]...)
}

func (w *merger) lists(dst []byte, arrays [][]byte) []byte {
	if w.arrays == routeconfig.ArraysReplace {
		return append(dst, arrays[len(arrays)-1]...)
	}
	var elements [][]byte
	for _, a := range arrays {
		elements = appendElements(elements, a)
	}
	if w.arrays == routeconfig.ArraysUnique {
		elements = distinct(elements)
	}
	return appendList(dst, elements)
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

// pointer names a place by the keys that lead to it (RFC 6901).
func pointer(path [][]byte) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, key := range path {
		b.WriteByte('/')
		b.WriteString(escape.Replace(string(decodeKey(key))))
	}
	return b.String()
}
