package gate

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client returns the address of the client: that of the connection, or behind
// trusted proxies the rightmost one of X-Forwarded-For that is none of them.
// Whatever stands left of it, the client could have written itself.
func (g *Gate) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	if !g.trusts(addr) {
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
			if addr = next; !g.trusts(addr) {
				return addr
			}
		}
	}
	return addr
}

func (g *Gate) trusts(addr netip.Addr) bool {
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
