package expression

import (
	"runtime"
	"strings"
	"testing"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// counter is a memory with a limit, in bytes.
type counter struct{ taken, limit, most int64 }

func (c *counter) Take(n int64) bool {
	if c.taken+n > c.limit {
		return false
	}
	c.taken += n
	c.most = max(c.most, c.taken)
	return true
}

func (c *counter) Give(n int64) { c.taken -= n }

// touch looks into everything, and computes with all numbers.
func touch(v ref.Val) {
	switch v := v.(type) {
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True; {
			touch(v.Get(it.Next()))
		}
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True; {
			touch(it.Next())
		}
	default:
		plain(v)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools and finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// K3: what is kept of a body is taken from the memory of bodies, at its real width.
func TestK3IndexIsTakenFromMemory(t *testing.T) {
	// Not parallel: other tests' memory would be measured too.
	repeat := func(open, part string, n int, end string) string {
		return open + strings.Repeat(part+",", n) + part + end
	}
	var members strings.Builder
	for i := range 50_000 {
		members.WriteString(`"` + string(rune('0'+i%10)) + strings.Repeat("k", i%5) + string(rune(0x4e00+i%20_000)) + `":1,`)
	}
	t.Log("name: bytes of the body, kept, taken")
	for name, text := range map[string]string{
		"numbers of one digit":      repeat("[", "1", 200_000, "]"),
		"long numbers":              repeat("[", strings.Repeat("1", long), 20_000, "]"),
		"text that is kept":         repeat("[", `"`+strings.Repeat("x", long)+`"`, 20_000, "]"),
		"text of escapes":           repeat("[", `"`+strings.Repeat(`\n`, long)+`"`, 20_000, "]"),
		"empty objects":             repeat("[", "{}", 50_000, "]"),
		"empty arrays":              repeat("[", "[]", 50_000, "]"),
		"arrays of one":             repeat("[", "[1]", 50_000, "]"),
		"objects of one member":     repeat("[", `{"":1}`, 50_000, "]"),
		"objects of nine members":   repeat("[", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`, 10_000, "]"),
		"one object of short names": "{" + members.String() + `"":[]}`,
		"deep":                      repeat("[", strings.Repeat(`{"a":[`, 12)+strings.Repeat("]}", 12), 1000, "]"),
	} {
		memory := &counter{limit: 1 << 40}
		in := NewInput(&Request{Body: []byte(text)}, memory)
		in.meter.most = memory.limit
		before := heap()
		v := in.meter.once(&in.body, in.parseBody)
		touch(v)
		in.meter.end()
		used := heap() - before
		t.Logf("%s: %d, %d, %d", name, len(text), used, memory.taken)
		if taken := memory.taken; used > taken+8192 || taken > 3*used {
			t.Errorf("%s: %d bytes of a body keep %d, and %d are taken", name, len(text), used, taken)
		}
		runtime.KeepAlive(v)
		in.Close()
		if memory.taken != 0 {
			t.Errorf("%s: %d bytes are not given back", name, memory.taken)
		}
	}
}
