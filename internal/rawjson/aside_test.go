package rawjson

import (
	"runtime"
	"strings"
	"testing"
)

// What is kept aside of a long list is not copied until it is whole: a value takes room there
// and in the list.
func TestALongListIsMadeOnce(t *testing.T) {
	const n, value = 200_000, 16
	content := []byte("[" + strings.TrimSuffix(strings.Repeat("true,", n), ",") + "]")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, flaw := (&Decoder{}).Decode(content); flaw != nil {
		t.Fatal(flaw)
	}
	runtime.ReadMemStats(&after)
	// A tenth is for pages, and for others in this process.
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(len(content)+2*n*value)*11/10; got > most {
		t.Errorf("%d bytes are made for a list of %d, want at most %d", got, n, most)
	}
}

// Values stay in order over the ends of pages, however containers nest.
func TestAsideOverPages(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 3, 4, 5, page - 1, page, page + 1, 3*page + 7} {
		var kept aside[int]
		for i := range n {
			kept.push(i)
		}
		for _, base := range []int{0, 1, n / 2, n - 1, n} {
			if base < 0 || base > n {
				continue
			}
			list := make([]int, n-base)
			kept.copy(list, base)
			for i, got := range list {
				if got != base+i || kept.from(base+i) != got {
					t.Fatalf("%d of %d from %d is %d", i, n, base, got)
				}
			}
		}
		for base := n; base > 0; base = base * 2 / 3 {
			kept.drop(base)
			kept.push(-1)
			if kept.from(base) != -1 || kept.from(base-1) != base-1 {
				t.Fatalf("after %d were kept of %d: %d, %d", base, n, kept.from(base-1), kept.from(base))
			}
		}
	}
}

// The shortest values are made by nobody.
func TestTheShortestValuesAreShared(t *testing.T) {
	const n = 1000
	for _, value := range []string{"[]", "7", `""`, "true", "null"} {
		content := []byte("[" + strings.TrimSuffix(strings.Repeat(value+",", n), ",") + "]")
		if got := testing.AllocsPerRun(3, func() { _, _ = (&Decoder{}).Decode(content) }); got > 30 {
			t.Errorf("%v allocations for a list of %d times %s", got, n, value)
		}
	}
}
