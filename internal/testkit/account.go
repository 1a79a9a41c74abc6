package testkit

import (
	"net/netip"

	"github.com/fanout-operator/fanout/internal/memory"
)

// Account is one with more memory than a test can use.
func Account() *memory.Account {
	return (&memory.Budget{Limit: 1 << 50}).Open(netip.Addr{})
}
