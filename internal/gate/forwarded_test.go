package gate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// trusting is a gate that trusts some networks.
func trusting(t testing.TB) *Gate {
	t.Helper()
	g, err := New(Options{Config: &routeconfig.Route{Listener: routeconfig.Listener{TrustedCIDRs: []string{"10.0.0.0/8", "fd00::/8"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// chain asks it what backends are told.
func chain(g *Gate, kind, peer string, fields http.Header) string {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr, r.Header = peer, fields
	return g.chain(r, kind)
}

// P6: the chain of a trusted peer is kept and ours appended, anybody else's replaced, in
// X-Forwarded-For and in Forwarded (RFC 7239).
func TestP6ChainOfAddresses(t *testing.T) {
	t.Parallel()
	g := trusting(t)
	const xff, fwd = routeconfig.ClientAddressXForwardedFor, routeconfig.ClientAddressForwarded
	x := func(lines ...string) http.Header { return http.Header{"X-Forwarded-For": lines} }
	f := func(lines ...string) http.Header { return http.Header{"Forwarded": lines} }
	both := func(x, f string) http.Header { return http.Header{"X-Forwarded-For": {x}, "Forwarded": {f}} }
	for _, row := range []struct {
		name, kind, peer string
		fields           http.Header
		want             string
	}{
		{"a stranger", xff, "9.9.9.9:1", nil, "9.9.9.9"},
		{"a stranger who tells stories", xff, "9.9.9.9:1", x("1.1.1.1", "10.0.0.1"), "9.9.9.9"},
		{"a peer", xff, "10.0.0.1:1", x("1.1.1.1"), "1.1.1.1, 10.0.0.1"},
		{"a peer that says nothing", xff, "10.0.0.1:1", nil, "10.0.0.1"},
		{"several lines and blanks", xff, "10.0.0.1:1", x("6.6.6.6,, 1.1.1.1:99", "\t", " unknown , [fd00::1]:8"), "6.6.6.6, 1.1.1.1:99, unknown, [fd00::1]:8, 10.0.0.1"},
		{"IPv6", xff, "[fd00::1%eth0]:1", x("2001:db8::2"), "2001:db8::2, fd00::1"},
		{"IPv4 in IPv6", xff, "[::ffff:10.0.0.1]:1", x("1.1.1.1"), "1.1.1.1, 10.0.0.1"},
		{"nobody knows whom", xff, "@", x("1.1.1.1"), "unknown"},
		{"of Forwarded nothing", xff, "10.0.0.1:1", f("for=1.1.1.1"), "10.0.0.1"},

		{"a stranger", fwd, "9.9.9.9:1", nil, "for=9.9.9.9"},
		{"a stranger of IPv6", fwd, "[2001:db8:cafe::17]:1", nil, `for="[2001:db8:cafe::17]"`},
		{"a stranger who tells stories", fwd, "9.9.9.9:1", both("1.1.1.1", "for=1.1.1.1"), "for=9.9.9.9"},
		{"a peer", fwd, "10.0.0.1:1", f(`For="[2001:db8::1]:4711";proto=https;by=203.0.113.43`, "for=_hidden, for=unknown"),
			`For="[2001:db8::1]:4711";proto=https;by=203.0.113.43, for=_hidden, for=unknown, for=10.0.0.1`},
		{"a peer of IPv6", fwd, "[fd00::1]:1", f("for=1.1.1.1"), `for=1.1.1.1, for="[fd00::1]"`},
		{"blanks around semicolons", fwd, "10.0.0.1:1", f("for=1.1.1.1 ; proto=http ;,for=2.2.2.2"), "for=1.1.1.1 ; proto=http, for=2.2.2.2, for=10.0.0.1"},
		{"commas and quotes in quotes", fwd, "10.0.0.1:1", f(`for="a,\"b";host="x;y"`), `for="a,\"b";host="x;y", for=10.0.0.1`},
		{"an open quote", fwd, "10.0.0.1:1", f(`for="1.1.1.1`), "for=10.0.0.1"},
		{"an open escape", fwd, "10.0.0.1:1", f(`for="1.1.1.1\`), "for=10.0.0.1"},
		{"IPv6 without quotes", fwd, "10.0.0.1:1", f("for=[2001:db8::1]"), "for=10.0.0.1"},
		{"no value", fwd, "10.0.0.1:1", f("for="), "for=10.0.0.1"},
		{"no name", fwd, "10.0.0.1:1", f("1.1.1.1"), "for=10.0.0.1"},
		{"words in between", fwd, "10.0.0.1:1", f("for=1.1.1.1 proto=http"), "for=10.0.0.1"},
		{"two in one", fwd, "10.0.0.1:1", f("for=1.1.1.1;FOR=2.2.2.2"), "for=10.0.0.1"},
		{"nobody knows whom", fwd, "@", f("for=1.1.1.1"), "for=unknown"},

		{"a chain of the other field", fwd, "10.0.0.1:1", x("6.6.6.6, 2001:db8::2, [2001:db8::3]:80", "1.1.1.1:99, unknown, _sec-ret.1, evil\"; x, fe80::1%eth0, ::ffff:2.2.2.2"),
			`for=6.6.6.6, for="[2001:db8::2]", for="[2001:db8::3]:80", for="1.1.1.1:99", for=unknown, for=_sec-ret.1, for=unknown, for="[fe80::1]", for=2.2.2.2, for=10.0.0.1`},
		{"both, of one mind", fwd, "10.0.0.1:1", both("6.6.6.6, 1.1.1.1", "for=7.7.7.7, for=\"1.1.1.1:80\";proto=https"),
			`for=7.7.7.7, for="1.1.1.1:80";proto=https, for=10.0.0.1`},
		{"both, and the client wrote one", fwd, "10.0.0.1:1", both("1.1.1.1", "for=6.6.6.6"), "for=1.1.1.1, for=10.0.0.1"},
		{"both, and the client knows the proxy in between", fwd, "10.0.0.1:1", both("1.1.1.1, 10.0.0.2", "for=6.6.6.6, for=10.0.0.2"),
			"for=1.1.1.1, for=10.0.0.2, for=10.0.0.1"},
		{"both, and the client is a proxy itself", fwd, "10.0.0.1:1", both("10.0.0.2", "for=6.6.6.6, for=10.0.0.2"), "for=10.0.0.2, for=10.0.0.1"},
		{"both, of one mind about all proxies", fwd, "10.0.0.1:1", both("1.1.1.1, 10.0.0.2", "for=6.6.6.6, for=1.1.1.1;proto=https, for=10.0.0.2"),
			"for=6.6.6.6, for=1.1.1.1;proto=https, for=10.0.0.2, for=10.0.0.1"},
		{"both, and one is broken", fwd, "10.0.0.1:1", both("1.1.1.1", `for="1.1.1.1`), "for=1.1.1.1, for=10.0.0.1"},
		{"both, obfuscated", fwd, "10.0.0.1:1", both("_a", "for=_A;proto=http"), "for=_A;proto=http, for=10.0.0.1"},
	} {
		if got := chain(g, row.kind, row.peer, row.fields); got != row.want {
			t.Errorf("%s, %s: %s\nwant %s", row.kind, row.name, got, row.want)
		}
	}
}

// P6: of a chain that is longer than anybody's the end is kept.
func TestP6ChainsAreBounded(t *testing.T) {
	t.Parallel()
	g := trusting(t)
	for _, kind := range []string{routeconfig.ClientAddressXForwardedFor, routeconfig.ClientAddressForwarded} {
		hop, field := "1.1.1.1", "X-Forwarded-For"
		if kind == routeconfig.ClientAddressForwarded {
			hop, field = "for=1.1.1.1", "Forwarded"
		}
		many := http.Header{field: {strings.Repeat("6.6.6.6, ", 6000) + strings.Repeat(hop+",", 100)}}
		if kind == routeconfig.ClientAddressForwarded {
			many = http.Header{field: {strings.Repeat("for=6.6.6.6, ", 4000) + strings.Repeat(hop+",", 100)}}
		}
		got := chain(g, kind, "10.0.0.1:1", many)
		if strings.Count(got, hop) != maxHops-1 || strings.Contains(got, "6.6") || !strings.HasSuffix(got, "10.0.0.1") {
			t.Errorf("%s: %s", kind, got)
		}
		long := http.Header{field: {hop + `;x="` + strings.Repeat("a", 3000) + `", ` + hop + `;x="` + strings.Repeat("b", 3000) + `"`}}
		if got := chain(g, kind, "10.0.0.1:1", long); len(got) > maxChain || strings.Contains(got, "aaa") || !strings.Contains(got, "bbb") {
			t.Errorf("%s: %d bytes: %.80s", kind, len(got), got)
		}
	}
}

// P6: whatever a trusted peer sends, what comes out is well formed, bounded and ends in
// what is ours.
func FuzzP6Forwarded(f *testing.F) {
	for _, seed := range []string{"", "for=1.1.1.1", `for="[::1]:1";by=_x, for=unknown`, `for="a\"`, "for=a;;,,", "\xff", `for="\`} {
		f.Add(seed, "1.1.1.1, _a")
	}
	g := trusting(f)
	f.Fuzz(func(t *testing.T, forwarded, xff string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header = "10.0.0.1:1", http.Header{"Forwarded": {forwarded}}
		if xff != "" {
			r.Header["X-Forwarded-For"] = []string{xff}
		}
		got := g.chain(r, routeconfig.ClientAddressForwarded)
		list, nodes, ok := parseForwarded(got)
		if !ok || len(list) == 0 || nodes[len(nodes)-1] != "10.0.0.1" || len(list) > maxHops || len(got) > maxChain {
			t.Errorf("%q and %q became %q", forwarded, xff, got)
		}
	})
}
