package rawjson

import (
	"strings"
	"testing"
)

// What is kept aside of a long list doubles when it is full: each time it is copied whole.
func TestALongListIsCopiedSeldom(t *testing.T) {
	const n = 200_000
	content := []byte("[" + strings.TrimSuffix(strings.Repeat("true,", n), ",") + "]")
	if got := testing.AllocsPerRun(3, func() { _, _ = (&Decoder{}).Decode(content) }); got > 25 {
		t.Errorf("%v allocations for a list of %d, want at most 25", got, n)
	}
}
