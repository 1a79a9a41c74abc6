package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/schema"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// Case G4 of the field: no spelling of an address, no name, no redirect and no document makes
// a proxy connect to a network that is forbidden, whatever kind of address it is. Real
// listeners say so, at every address there is in a network of the test's own; where it may
// make none, the dialler's guard does, of each spelling.
func TestG4NothingForbiddenIsReached(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Parallel()
		output, made := within(t, t.Name())
		if made {
			t.Log(output)
			return
		}
		fmt.Fprintf(os.Stderr, "=== %s: NO NETWORK OF ITS OWN (%s): the dialler alone is asked, and nothing listens\n", t.Name(), output)
		judgeSpellings(t, dialler(t))
		return
	}
	settleIn(t, "127.0.0.1", "::1", "169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fe80::1", home)
	o := observe(t)
	observeThem(t, o)
	d := dialler(t)
	judgeSpellings(t, d)
	s, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range kinds() {
		o.forget()
		askAll(t, o, s, &k, redirects(i))
	}
	o.forget()
	rebind(t, o)
}

func dialler(t *testing.T) *dial.Dialer {
	t.Helper()
	z := &zone{asked: map[string]int{}}
	return dial.New(dial.Options{
		Resolver: testkit.NameServer(t, z.answer), ClusterDomain: "cluster.local", LookupEvery: 10 * time.Millisecond,
		Deny: []netip.Prefix{netip.MustParsePrefix(apiServer + "/32")},
	})
}

// observeThem proves that whoever is not held back is seen.
func observeThem(t *testing.T, o *observer) {
	t.Helper()
	addresses := append(strings.Fields("127.0.0.1 127.8.8.8 ::1 169.254.169.254 169.254.1.1 100.100.100.200 168.63.129.16 "+
		"fd00:ec2::254 fd00:ec2::23 2002:a9fe:a9fe::1 2001::1 64:ff9b::a9fe:a9fe 64:ff9b:1::a9fe:a9fe ::a9fe:a9fe fe80::1%lo 10.96.0.1"), texts(places())...)
	for _, text := range addresses {
		address := netip.MustParseAddr(text)
		conn, err := (&net.Dialer{Timeout: 20 * time.Second}).DialContext(t.Context(), "tcp", netip.AddrPortFrom(address, 80).String())
		if err != nil {
			t.Errorf("without a guard: %v", err)
			continue
		}
		testkit.Eventually(t, "a connection to "+text+" is seen", func() bool { return o.connected(address.WithZone(""), 80) > 0 })
		_ = conn.Close()
	}
}

func texts(list []netip.Addr) (out []string) {
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

// judgeSpellings asks the dialler itself, as if nobody had looked at a URL before.
func judgeSpellings(t *testing.T, d *dial.Dialer) {
	t.Helper()
	refused, nowhere := 0, 0
	for _, authority := range forbidden() {
		for _, address := range addressesOf(authority) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			conn, err := d.Dial(ctx, address)
			cancel()
			if err == nil {
				t.Errorf("%s: %s is connected to %s", authority, address, conn.RemoteAddr())
				_ = conn.Close()
				continue
			}
			if ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %s is tried: %v", authority, address, err)
			}
			if _, ok := errors.AsType[*dial.ForbiddenError](err); ok {
				refused++
			} else {
				nowhere++
			}
		}
	}
	t.Logf("the dialler: %d spellings, %d addresses of these forbidden, %d lead nowhere, 0 connected", len(forbidden()), refused, nowhere)
	if len(forbidden()) < 60 || refused < 60 {
		t.Errorf("%d spellings of which %d are forbidden are no table", len(forbidden()), refused)
	}
}

// addressesOf are the ways to dial an authority: as URLs have it, and as it stands.
func addressesOf(authority string) (list []string) {
	if u, err := url.Parse("http://" + authority + "/"); err == nil {
		if !slices.ContainsFunc(places(), func(a netip.Addr) bool { return a.String() == u.Hostname() }) && u.Hostname() != "a.example" {
			list = append(list, net.JoinHostPort(u.Hostname(), dial.Port(u)))
		}
	}
	if host, port, err := split(authority); err == nil {
		list = append(list, net.JoinHostPort(host, port))
	}
	return list
}

// statuses are those of redirects.
func statuses() []int { return []int{301, 302, 303, 307, 308} }

// redirects lead to every spelling, by one status each, and by all of them to what may be
// reached. Another turn is another status of each.
func redirects(turn int) (urls []string) {
	for _, status := range statuses() {
		urls = append(urls, redirected(status, "http://a.example/followed"))
	}
	for i, authority := range forbidden() {
		urls = append(urls, redirected(statuses()[(i+turn)%len(statuses())], "http://"+authority+"/"))
	}
	return urls
}

// askAll has a proxy ask every spelling of a kind, in the clear, with TLS and behind redirects.
func askAll(t *testing.T, o *observer, s *schema.Schema, k *kind, redirects []string) {
	t.Helper()
	var urls []string
	for i, authority := range slices.Concat(forbidden(), legitimate()) {
		urls = append(urls, k.of(fmt.Sprintf("http://%s/%d", authority, i)))
		if k.form == nil {
			urls = append(urls, k.of(fmt.Sprintf("https://%s/", authority)))
		}
	}
	if k.form != nil {
		redirects = nil // it speaks no HTTP
	}
	for _, url := range redirects {
		urls = append(urls, k.of(url))
	}
	routes, refused := k.documents(t, urls)
	serve(t, routes, func() string { return k.unreached(o, redirects) })
	if reached := o.forbidden(); len(reached) > 0 {
		t.Errorf("%s: connections to forbidden networks: %q", k.name(t), reached)
	}
	if o.was("/followed") {
		t.Errorf("%s: a redirect was followed", k.name(t))
	}
	t.Logf("%s: %d URLs, of which %d redirect and a document refuses %d; %s; connections to forbidden networks: %d",
		k.name(t), len(urls), len(redirects), len(refused), k.admitted(t, s), len(o.forbidden()))
}

// unreached is what should have been reached by now, and was not, or nothing.
func (k *kind) unreached(o *observer, redirects []string) string {
	for _, url := range redirects {
		if path := strings.TrimPrefix(url, "http://"+home); !o.was(path) {
			return path
		}
	}
	if k.through != nil { // an issuer has a say over less than the spec
		if o.connected(netip.MustParseAddr(home), 443) == 0 {
			return home + ", with TLS"
		}
		return ""
	}
	for _, place := range places() {
		if k.form != nil && o.connected(place, 80) == 0 || k.form == nil && o.connected(place, 443) == 0 {
			return place.String()
		}
	}
	for i, authority := range legitimate() {
		if k.form == nil && !o.was(fmt.Sprintf("/%d", len(forbidden())+i)) {
			return authority
		}
	}
	return ""
}

// admitted says who refuses which spellings before a proxy sees them. What is legitimate they
// all admit.
func (k *kind) admitted(t *testing.T, s *schema.Schema) string {
	t.Helper()
	if k.through != nil {
		return "nobody else sees them"
	}
	count := map[string]int{}
	for _, authority := range forbidden() {
		count[k.judge(t, s, k.of("https://"+authority+"/"))]++
	}
	for _, authority := range legitimate() {
		if who := k.judge(t, s, k.of("https://"+authority+"/")); who != "" {
			t.Errorf("%s: %s is refused by %s", k.name(t), authority, who)
		}
	}
	return fmt.Sprintf("of %d spellings the API refuses %d and the compiler %d", len(forbidden()), count["the API"], count["the compiler"])
}

// serve serves routes until nothing is unreached.
func serve(t *testing.T, routes []routeconfig.Route, unreached func() string) {
	t.Helper()
	t.Run("serve", func(t *testing.T) {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "any", map[string]string{"client_id": "a", "client_secret": "b", "secret": "whsec_" + strings.Repeat("YWJj", 8)})
		p := proxytest.ServeWith(t, secrets, proxy.Options{Dialer: dialler(t)}, routes...)
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
			for i := range routes {
				if routes[i].Authentication == nil && routes[i].RateLimitStore == nil { // those ask by themselves
					call(t, p, routes[i].Name)
				}
			}
			missing := unreached()
			if missing == "" && judged(p) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("not within 2 min: %q is reached, and all issuers are judged", missing)
			}
		}
	})
}

// call calls a route over a connection of its own: of many routes not all can be kept.
func call(t *testing.T, p *proxytest.Proxy, route string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.Address(route)+"/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	p.Send(r)
}

// judged reports whether of each issuer and each store is known what is wrong with it.
func judged(p *proxytest.Proxy) bool {
	for _, r := range p.Report(time.Now()).Routes {
		if r.Store != nil && (r.Store.Fault == "" || strings.Contains(r.Store.Fault, "yet")) {
			return false
		}
		for _, issuer := range r.Issuers {
			if issuer.Problem == "" {
				return false
			}
		}
	}
	return true
}
