package combine

import (
	"bytes"
	"hash/maphash"
	"sync"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// merge makes one object of the backends' objects. What only one of them has is
// copied with its bytes; only keys that several have are looked into. All values
// of a key are looked at together, not pair by pair: in that way no order of
// pairing can change what becomes of three or more.
type merge struct {
	onConflict, arrays string
	seed               maphash.Seed // what a backend can not guess it can not collide with
	scratch            *sync.Pool   // of *merger
}

func newMerge(onConflict, arrays string) merge {
	return merge{
		onConflict, arrays, maphash.MakeSeed(),
		&sync.Pool{New: func() any { return &merger{} }},
	}
}

// fits makes the tape as long as the body can need: each member has a colon.
func (m merge) fits(a *fanout.Answer, room *room) (content, bool) {
	members := bytes.Count(a.Body, []byte(":"))
	if !room.take(members * memberWidth) {
		return content{}, false
	}
	parsed := examine(a, rawjson.Scanner{Record: true, Tape: make([]rawjson.Member, 0, members)})
	return parsed, parsed.kind == empty || parsed.kind == jsonValue && parsed.json[0] == '{'
}

// memberWidth is the size of a rawjson.Member.
const memberWidth = 20

// size is that of all objects: no value is written twice, and what a list of conflicting
// values adds is less than the keys that it drops.
func (merge) size(_ *Combiner, r *fanout.Result) int {
	n := 2
	for i := range r.Answers {
		parsed := checked(&r.Answers[i])
		n += len(parsed.json)
	}
	return n
}

func (m merge) write(_ *Combiner, r *fanout.Result, dst []byte, room *room) ([]byte, *conflict) {
	w, _ := m.scratch.Get().(*merger)
	defer m.scratch.Put(w)
	w.merge, w.room = m, room
	for i := range r.Answers {
		if parsed := checked(&r.Answers[i]); r.Answers[i].Outcome == fanout.Succeeded && parsed.kind == jsonValue {
			w.roots = append(w.roots, ref{offset(len(w.bodies)), root})
			w.bodies = append(w.bodies, parsed)
		}
	}
	if len(w.bodies) == 1 {
		dst = append(dst, w.bodies[0].json...)
	} else {
		dst = w.objects(dst, w.roots)
	}
	return dst, w.finish()
}

// merger is one merge under way.
type merger struct {
	merge

	room   *room
	bodies []content
	roots  []ref
	path   [][]byte // decoded keys down to here
	clash  *conflict
	free   []*index // of finished objects, to be used again
}

// finish returns the conflict that Error found and lets go of the bodies.
func (w *merger) finish() *conflict {
	clash := w.clash
	clear(w.bodies)
	clear(w.path[:cap(w.path)])
	w.bodies, w.roots, w.path, w.clash, w.room = w.bodies[:0], w.roots[:0], w.path[:0], nil, nil
	return clash
}

// objects appends the merge of objects.
func (w *merger) objects(dst []byte, objects []ref) []byte {
	ix := w.index()
	for _, o := range objects {
		w.addMembers(ix, o)
	}
	dst = append(dst, '{')
	for i := range ix.entries {
		if w.room.short {
			break
		}
		e := &ix.entries[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		if e.more == 0 {
			dst = w.appendMember(dst, e.first)
			continue
		}
		dst = append(append(dst, w.key(e.first)...), ':')
		w.path = append(w.path, e.plain)
		dst = w.resolve(dst, ix.values(e))
		w.path = w.path[:len(w.path)-1]
	}
	w.release(ix)
	return append(dst, '}')
}

// addMembers indexes an object, which stands on the tape right after its own key.
func (w *merger) addMembers(ix *index, object ref) {
	tape := w.bodies[object.body].tape
	place, end := object.place+1, offset(len(tape))
	if object.place != root {
		end = tape[object.place].Next
	}
	for ; place < end && !w.room.short; place = tape[place].Next {
		m := ref{object.body, place}
		ix.add(w.seed, w.plain(m), m)
	}
}

// plain is a decoded key. Where it has escapes, that takes room.
func (w *merger) plain(m ref) []byte {
	key := w.key(m)
	if bytes.IndexByte(key, '\\') >= 0 && !w.room.take(len(key)) {
		return nil
	}
	return rawjson.Unquote(key)
}

func (w *merger) key(m ref) []byte {
	b := &w.bodies[m.body]
	at := &b.tape[m.place]
	return b.json[at.Key:at.KeyEnd]
}

func (w *merger) value(m ref) []byte {
	b := &w.bodies[m.body]
	at := &b.tape[m.place]
	return b.json[at.Value:at.ValueEnd]
}

// appendMember copies a member as its body has it, space around the colon and all.
func (w *merger) appendMember(dst []byte, m ref) []byte {
	b := &w.bodies[m.body]
	at := &b.tape[m.place]
	return append(dst, b.json[at.Key:at.ValueEnd]...)
}

func (w *merger) index() *index {
	if n := len(w.free); n > 0 {
		ix := w.free[n-1]
		w.free = w.free[:n-1]
		ix.room = w.room
		return ix
	}
	return newIndex(w.room)
}

// release keeps an index that took no room of this call alone.
func (w *merger) release(ix *index) {
	w.room.give(ix.taken)
	if ix.taken == 0 && len(w.free) < maxFree {
		ix.reset()
		w.free = append(w.free, ix)
	}
}

// maxFree is how many indexes are kept for the next objects: of those nested in one
// another, more than a few are rare.
const maxFree = 16

// resolve appends what the values that several bodies have under one key become.
func (w *merger) resolve(dst []byte, values []ref) []byte {
	switch {
	case w.allBegin(values, '{'):
		return w.objects(dst, values)
	case w.allBegin(values, '['):
		return w.lists(dst, values)
	case w.allEqual(values):
		return append(dst, w.value(values[0])...)
	}
	switch w.onConflict {
	case routeconfig.ConflictLast:
		return append(dst, w.value(values[len(values)-1])...)
	case routeconfig.ConflictCollect:
		return w.distinct(dst, func(yield func([]byte) bool) {
			for _, v := range values {
				if !yield(w.value(v)) {
					return
				}
			}
		})
	case routeconfig.ConflictError:
		if w.clash == nil {
			w.clash = &conflict{pointer: pointer(w.path)}
		}
	}
	return append(dst, w.value(values[0])...)
}

func (w *merger) allBegin(values []ref, c byte) bool {
	for _, v := range values {
		if w.value(v)[0] != c {
			return false
		}
	}
	return true
}

// allEqual need not look for space: values that have any inside are not asked about,
// unless their types differ.
func (w *merger) allEqual(values []ref) bool {
	for _, v := range values[1:] {
		if !bytes.Equal(w.value(v), w.value(values[0])) {
			return false
		}
	}
	return true
}
