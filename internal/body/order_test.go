package body

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/memory"
)

// order notes what it is given to do.
type order []int

// Do implements memory.Order.
func (o *order) Do(_ uint64, bytes int, f func()) {
	*o = append(*o, bytes)
	f()
}

// Pass implements memory.Order.
func (*order) Pass(uint64) {}

// However short an encoding is, what comes of it may be long, and what it takes to find out is
// wide: it is decoded where it delays nobody.
func TestShortEncodingsAreDecodedAside(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "deflate", "bare deflate", "br", "zstd"} {
		content := strings.Repeat(" ", 1<<20)
		wire, aside := encode(t, []byte(content), coding), &order{}
		account := (&memory.Budget{Limit: 64 << 20, Order: aside}).Open(netip.Addr{})
		got, err := Decode(bytes.NewReader(wire), []string{strings.TrimPrefix(coding, "bare ")}, 1<<20, account)
		if err != nil || string(got) != content {
			t.Errorf("%s: %d bytes, error %v", coding, len(got), err)
		}
		if len(*aside) == 0 || (*aside)[0] < bulk.Least {
			t.Errorf("%s: %d bytes were decoded in passing: %v", coding, len(wire), *aside)
		}
		account.Close()
	}
}
