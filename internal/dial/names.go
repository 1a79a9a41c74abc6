package dial

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	lookupEvery   = 30 * time.Second
	lookupTimeout = 5 * time.Second
)

// ClusterDomain returns the domain of the cluster whose Pod this is, such as cluster.local:
// what the search list of a resolv.conf completes NAME.NAMESPACE.svc with. It is empty where
// there is none.
//
// The kubelet lists NAMESPACE.svc.DOMAIN, svc.DOMAIN and DOMAIN. In a namespace named svc two
// of these begin with svc, the shorter of which is meant.
func ClusterDomain(resolvConf string) string {
	content, err := os.ReadFile(resolvConf) //nolint:gosec // the path is the program's own
	if err != nil {
		return ""
	}
	domain := ""
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "search" {
			continue
		}
		domain = "" // the last list counts
		for _, entry := range fields[1:] {
			entry = strings.ToLower(strings.TrimSuffix(entry, "."))
			if rest, ok := strings.CutPrefix(entry, "svc."); ok && (domain == "" || len(rest) < len(domain)) {
				domain = rest
			}
		}
	}
	return domain
}

// absolute is what the host of a URL is looked up as; domain is the cluster's, see
// ClusterDomain, or empty. No search list may complete it: to that of a Pod https://a.b is
// first the Service a of namespace b, and then the a.b of the world. Addresses, localhost
// and what ends in a dot are what they are.
func absolute(host, domain string) string {
	if _, err := netip.ParseAddr(host); err == nil || host == "" || strings.HasSuffix(host, ".") || strings.EqualFold(host, "localhost") {
		return host
	}
	if domain != "" && strings.HasSuffix(strings.ToLower(host), ".svc") {
		host += "." + domain
	}
	return host + "."
}

// place is what is dialled for host:port of a URL.
func (d *Dialer) place(address string) string {
	if other, ok := d.options.Resolve[address]; ok {
		return other
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address // the dial says what is wrong
	}
	return net.JoinHostPort(absolute(host, d.options.ClusterDomain), port)
}

// Moves reports whether the host of a URL is a name, which may lead to other addresses one
// day. Where Options.Resolve says where names lead, none does.
func (d *Dialer) Moves(host string) bool {
	_, literal := netip.ParseAddr(host)
	return host != "" && literal != nil && len(d.options.Resolve) == 0
}

// LookupEvery is how often a name in use is looked up again.
func (d *Dialer) LookupEvery() time.Duration { return cmp.Or(d.options.LookupEvery, lookupEvery) }

// Lookup returns the addresses of a host, sorted, within 5 s. It judges none of them.
func (d *Dialer) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := cmp.Or(d.options.Resolver, net.DefaultResolver).LookupNetIP(ctx, "ip", absolute(host, d.options.ClusterDomain))
	if err != nil {
		return nil, fmt.Errorf("look up: %w", err)
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found, nil
}

// Port is that of a URL, or the one of its scheme where it names none.
func Port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
