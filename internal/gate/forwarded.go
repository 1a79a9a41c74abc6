package gate

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// maxHops is how many addresses a chain has at most, the peer's included. Of a longer one
// the end is kept: it is what the nearest peers say.
const maxHops = 32

// maxChain is how many bytes a chain has at most.
const maxChain = 4096

// chain is the value of the field that tells a backend who calls, of the kind that the
// document names: what a trusted peer sent of it, and the address of the peer itself.
// Whatever stands left of the client's own address, the client may have written.
func (g *Gate) chain(r *http.Request, kind string) string {
	peer := Peer(r.RemoteAddr)
	own := "unknown" // RFC 7239, section 6.2; other fields know the word by custom
	if peer.IsValid() {
		own = peer.String()
	}
	var before []string
	trusted := g.Trusts(peer)
	if kind == routeconfig.ClientAddressForwarded {
		own = element(own)
		if trusted {
			before = g.elements(r.Header)
		}
	} else if trusted {
		before = lastHops(r.Header["X-Forwarded-For"])
	}
	return join(before, own)
}

// join puts as much of the end of a chain before the last hop as there is room for.
func join(before []string, last string) string {
	room, first := maxChain-len(last), len(before)
	for first > 0 && room >= len(before[first-1])+len(", ") {
		first--
		room -= len(before[first]) + len(", ")
	}
	return strings.Join(append(before[first:len(before):len(before)], last), ", ")
}

// lastHops are the hops at the end of X-Forwarded-For, as they were written.
func lastHops(lines []string) []string {
	var hops []string
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more && len(hops) < maxHops-1; {
			i := strings.LastIndexByte(rest, ',')
			if hop := textproto.TrimString(rest[i+1:]); hop != "" {
				hops = append(hops, hop)
			}
			more = i >= 0
			rest = rest[:max(i, 0)]
		}
	}
	slices.Reverse(hops)
	return hops
}

// elements are those of Forwarded before our own. Trust is about X-Forwarded-For: a peer
// that writes that field alone passes on what its client says in Forwarded, so that this
// one is believed where both agree on every hop from the peer to the client, or there is no
// other.
func (g *Gate) elements(h http.Header) []string {
	hops := lastHops(h["X-Forwarded-For"])
	if lines := h["Forwarded"]; len(lines) > 0 {
		list, nodes, ok := parseForwarded(strings.Join(lines, ","))
		if ok && (len(hops) == 0 || g.agree(nodes, hops)) {
			return list
		}
	}
	for i, hop := range hops {
		hops[i] = element(hop)
	}
	return hops
}

// agree reports whether two chains name the same hops, from the nearest one to the first that
// is not trusted. That one is the client, which may have written whatever stands left of it.
func (g *Gate) agree(nodes, hops []string) bool {
	for i := 1; i <= len(hops); i++ {
		hop := hops[len(hops)-i]
		if i > len(nodes) || !sameNode(nodes[len(nodes)-i], hop) {
			return false
		}
		if addr, ok := parseHop(hop); !ok || !g.Trusts(addr) {
			return true
		}
	}
	return len(nodes) <= len(hops) // all are trusted: of one more nobody else knows
}

func sameNode(a, b string) bool {
	one, ok := parseHop(a)
	other, also := parseHop(b)
	if ok && also {
		return one == other
	}
	return ok == also && strings.EqualFold(a, b)
}

// element writes a hop of X-Forwarded-For as one of Forwarded (RFC 7239, sections 4 and
// 6): what has a colon is quoted, and what is neither address nor obfuscated is unknown.
func element(hop string) string {
	if ap, err := netip.ParseAddrPort(hop); err == nil {
		return `for="` + netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()).String() + `"`
	}
	addr, ok := parseHop(hop)
	switch {
	case ok && addr.Is4():
		return "for=" + addr.String()
	case ok:
		return `for="[` + addr.String() + `]"`
	case obfuscated(hop):
		return "for=" + hop
	}
	return "for=unknown"
}

// obfuscated follows RFC 7239, section 6.3.
func obfuscated(hop string) bool {
	return len(hop) > 1 && hop[0] == '_' && !strings.ContainsFunc(hop, func(c rune) bool {
		return ('a' > c || c > 'z') && ('A' > c || c > 'Z') && ('0' > c || c > '9') && c != '.' && c != '_' && c != '-'
	})
}
