package combine

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// model merges as docs/semantics.md says, with maps and encoding/json.
type model struct{ onConflict, arrays string }

func (m model) merge(values []json.RawMessage) any {
	objects, arrays := all[map[string]json.RawMessage](values, '{'), all[[]json.RawMessage](values, '[')
	switch {
	case objects != nil:
		return m.objects(objects)
	case arrays != nil:
		return m.list(arrays)
	}
	return m.conflict(values)
}

func (m model) objects(objects []map[string]json.RawMessage) any {
	out := map[string]any{}
	for _, o := range objects {
		for key := range o {
			var values []json.RawMessage
			for _, each := range objects {
				if v, ok := each[key]; ok {
					values = append(values, v)
				}
			}
			if out[key] = decode(values[0]); len(values) > 1 {
				out[key] = m.merge(values)
			}
		}
	}
	return out
}

func (m model) list(arrays [][]json.RawMessage) any {
	elements := slices.Concat(arrays...)
	switch m.arrays {
	case routeconfig.ArraysReplace:
		elements = arrays[len(arrays)-1]
	case routeconfig.ArraysUnique:
		elements = unique(elements)
	}
	return decodeAll(elements)
}

func (m model) conflict(values []json.RawMessage) any {
	different := unique(values)
	switch {
	case len(different) == 1 || m.onConflict == routeconfig.ConflictFirst:
		return decode(values[0])
	case m.onConflict == routeconfig.ConflictLast:
		return decode(values[len(values)-1])
	}
	return decodeAll(different)
}

// all decodes values if all begin alike.
func all[T any](values []json.RawMessage, begin byte) []T {
	out := make([]T, len(values))
	for i, v := range values {
		if v[0] != begin || json.Unmarshal(v, &out[i]) != nil {
			return nil
		}
	}
	return out
}

func unique(values []json.RawMessage) []json.RawMessage {
	var out []json.RawMessage
	seen := map[string]bool{}
	for _, v := range values {
		var b bytes.Buffer
		if json.Compact(&b, v) == nil && !seen[b.String()] {
			seen[b.String()] = true
			out = append(out, v)
		}
	}
	return out
}

func decodeAll(values []json.RawMessage) any {
	out := []any{}
	for _, v := range values {
		out = append(out, decode(v))
	}
	return out
}

func decode(body []byte) any {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// generator makes values out of a fuzzer's bytes, with few keys and scalars so that
// backends meet often.
type generator struct{ bytes []byte }

func (g *generator) next(n int) int {
	if len(g.bytes) == 0 {
		return 0
	}
	b := g.bytes[0]
	g.bytes = g.bytes[1:]
	return int(b) % n
}

func (g *generator) object(depth int) string {
	keys := []string{`"a"`, `"b"`, `"\u0061"`, `""`, `"a/b"`, `"\ud83d\ude00"`, `"😀"`}
	var members []string
	for range g.next(5) {
		members = append(members, keys[g.next(len(keys))]+g.space()+":"+g.space()+g.value(depth+1))
	}
	return "{" + g.space() + strings.Join(members, ",") + g.space() + "}"
}

func (g *generator) space() string { return []string{"", "", " ", "\n\t"}[g.next(4)] }

func (g *generator) value(depth int) string {
	scalars := []string{"1", "2", "1.0", "-1e400", "null", "true", `"x"`, `"x y"`, `"\"],"`}
	switch kind := g.next(6); {
	case depth > 4 || kind < 2:
		return scalars[g.next(len(scalars))]
	case kind < 4:
		return g.object(depth)
	}
	var elements []string
	for range g.next(4) {
		elements = append(elements, g.value(depth+1)+g.space())
	}
	return "[" + g.space() + strings.Join(elements, ","+g.space()) + "]"
}

func FuzzMergeAgreesWithAModel(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		seed := make([]byte, 120)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed []byte) {
		g := &generator{seed}
		bodies := []string{g.object(0), g.object(0), g.object(0)}
		values := make([]json.RawMessage, len(bodies))
		for i, body := range bodies {
			if values[i] = []byte(body); !json.Valid(values[i]) {
				t.Fatalf("not JSON: %s", body)
			}
		}
		for _, onConflict := range []string{"First", "Last", "Collect"} {
			for _, arrays := range []string{"Append", "Unique", "Replace"} {
				got := mergeBodies(onConflict, arrays, bodies...)
				want := model{onConflict, arrays}.merge(values)
				if got.Status != 200 || !reflect.DeepEqual(decode(got.Body), want) {
					t.Fatalf("%s, %s: %d %s of %s", onConflict, arrays, got.Status, got.Body, bodies)
				}
			}
		}
	})
}
