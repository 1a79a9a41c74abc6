package gate

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Peer is the address of a connection's other end, given with its port. It is not valid
// where there is none.
func Peer(remote string) netip.Addr {
	peer, _ := netip.ParseAddrPort(remote) // what fails has no address
	return peer.Addr().Unmap().WithZone("")
}

// Client returns the address of the client: that of the connection, or behind
// trusted proxies the rightmost one of X-Forwarded-For that is none of them.
// Whatever stands left of it, the client could have written itself.
func (g *Gate) Client(r *http.Request) netip.Addr {
	addr := Peer(r.RemoteAddr)
	if !g.Trusts(addr) {
		return addr
	}
	lines := r.Header["X-Forwarded-For"]
	for _, line := range slices.Backward(lines) {
		hops := strings.Split(line, ",")
		for _, hop := range slices.Backward(hops) {
			next, ok := parseHop(hop)
			if !ok {
				return addr
			}
			if addr = next; !g.Trusts(addr) {
				return addr
			}
		}
	}
	return addr
}

// Network is by what a client's address is counted: an IPv6 client owns all addresses of
// its /64.
func Network(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return addr
}

// Forwarded reports whether a request comes by way of such a peer.
func (g *Gate) Forwarded(r *http.Request) bool {
	return len(g.trusted) > 0 && g.Trusts(Peer(r.RemoteAddr))
}

// Trusts reports whether a peer is a proxy whose X-Forwarded-For is believed.
func (g *Gate) Trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(g.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// parseHop takes an address with or without port, as proxies write them.
func parseHop(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	if ap, err := netip.ParseAddrPort(hop); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.Trim(hop, "[]"))
	return addr.Unmap().WithZone(""), err == nil
}
