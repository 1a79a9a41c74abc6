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
	g := guard{deny: always()}
	for _, p := range o.Deny {
		g.deny = append(g.deny, plain(p))
	}
	if !o.AllowLoopback {
		g.deny = append(g.deny, loopback()...)
	}
	return g
}

// plain writes a network of IPv4-mapped addresses as what it is: as it stands it would hold no
// address that is judged.
func plain(p netip.Prefix) netip.Prefix {
	if !p.Addr().Is4In6() || p.Bits() < 96 {
		return p
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
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
		"240.0.0.0/4",            // reserved, broadcast
		"100.100.100.200/32",     // metadata of Alibaba Cloud
		"fd00:100::100:200/128",  // the same
		"168.63.129.16/32",       // wire server of Azure
		"192.0.0.192/32",         // metadata of Oracle Cloud, classic
		"fd00:c1::a9fe:a9fe/128", // the same, today
		"fd00:ec2::/32",          // metadata of AWS, and credentials of Pods
		"fd20:ce::254/128",       // metadata of Google Cloud
		"fd00:42::42/128",        // metadata of Scaleway
		"fd00:a9fe:a9fe::1/128",  // metadata of Akamai
		"2001::/32",              // Teredo: carries IPv4 in disguise
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
	case within(addr, "::/96"), within(addr, "::ffff:0:0:0/96"), within(addr, "64:ff9b::/96"), isatap(addr):
		return []netip.Addr{addr, tail}
	case within(addr, "64:ff9b:1::/48"):
		return append([]netip.Addr{addr}, translated(b)...)
	case within(addr, "2002::/16"):
		return []netip.Addr{addr, netip.AddrFrom4([4]byte(b[2:6]))}
	}
	return []netip.Addr{addr}
}

// translated are the IPv4 addresses that one of a local translator may carry. RFC 6052 leaves
// open which prefix length a network uses within this /48: every place where the IPv4 address
// can stand is judged. Where it stands elsewhere there are zeros, which no translator sends to.
func translated(b [16]byte) []netip.Addr {
	places := []netip.Addr{
		netip.AddrFrom4([4]byte(b[12:16])),
		netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}),
		netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),
		netip.AddrFrom4([4]byte{b[9], b[10], b[11], b[12]}),
	}
	return slices.DeleteFunc(places, func(a netip.Addr) bool { return within(a, "0.0.0.0/8") })
}

// isatap reports whether the last half of an address says that an IPv4 address ends it (RFC
// 5214, section 6.1).
func isatap(addr netip.Addr) bool {
	b := addr.As16()
	return b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
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
