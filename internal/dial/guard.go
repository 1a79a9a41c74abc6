package dial

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ForbiddenError says that an address may not be dialled.
type ForbiddenError struct {
	Address netip.Addr
	// Network is the entry of the deny list that covers it.
	Network netip.Prefix
}

// Error names the address and the network.
func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("address %s is forbidden by %s", e.Address, e.Network)
}

// guard decides, after name resolution and for each connection, which addresses may be
// dialled: not the metadata services of clouds, not this machine, not the API server. It
// judges what is really dialled, so that neither a rebinding name nor an odd spelling gets
// by.
type guard struct{ deny []netip.Prefix }

func newGuard(o Options) guard {
	g := guard{deny: append(always(), o.Deny...)}
	if !o.AllowLoopback {
		g.deny = append(g.deny, loopback()...)
	}
	return g
}

func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// always are the networks where no backend can be.
func always() []netip.Prefix {
	var list []netip.Prefix
	for _, p := range [...]string{
		"0.0.0.0/8", // this host: Linux connects 0.0.0.0 to loopback
		"::/128",
		"169.254.0.0/16", // link-local, and most clouds' metadata
		"fe80::/10",
		"224.0.0.0/4", // multicast
		"ff00::/8",
		"240.0.0.0/4",        // reserved, broadcast
		"100.100.100.200/32", // metadata of Alibaba Cloud
		"168.63.129.16/32",   // wire server of Azure
		"fd00:ec2::254/128",  // metadata of AWS
		"fd20:ce::254/128",   // metadata of Google Cloud
		"2001::/32",          // Teredo: carries IPv4 in disguise
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

// check returns a *ForbiddenError for an address that may not be dialled. An IPv4
// address within an IPv6 one is judged as what it is.
func (g *guard) check(addr netip.Addr) error {
	for _, form := range forms(addr.WithZone("")) {
		i := slices.IndexFunc(g.deny, func(p netip.Prefix) bool { return p.Contains(form) })
		if i >= 0 {
			return &ForbiddenError{Address: addr, Network: g.deny[i]}
		}
	}
	return nil
}

// forms returns an address and the IPv4 address that it carries, if any. ::1 is
// no embedded 0.0.0.1.
func forms(addr netip.Addr) []netip.Addr {
	addr = addr.Unmap()
	if addr.Is4() || addr.IsLoopback() || addr.IsUnspecified() {
		return []netip.Addr{addr}
	}
	b := addr.As16()
	tail := netip.AddrFrom4([4]byte(b[12:16]))
	switch {
	case within(addr, "::/96"), within(addr, "64:ff9b::/96"):
		return []netip.Addr{addr, tail}
	case within(addr, "64:ff9b:1::/48"):
		// RFC 6052 leaves open which prefix length a network uses within this /48:
		// every place where the IPv4 address can stand is judged.
		return []netip.Addr{addr, tail,
			netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}),
			netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),
			netip.AddrFrom4([4]byte{b[9], b[10], b[11], b[12]}),
		}
	case within(addr, "2002::/16"):
		return []netip.Addr{addr, netip.AddrFrom4([4]byte(b[2:6]))}
	}
	return []netip.Addr{addr}
}

func within(addr netip.Addr, prefix string) bool {
	return netip.MustParsePrefix(prefix).Contains(addr)
}

// control is for net.Dialer: it is called with the resolved address of each
// connection, before it is made.
func (g *guard) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("check address %q: %w", address, err)
	}
	return g.check(ap.Addr())
}
