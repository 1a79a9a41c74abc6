package netguard

import (
	"net/netip"
	"os"
	"strings"
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

// Absolute is what the host of a URL is looked up as; domain is the cluster's, see
// ClusterDomain, or empty. No search list may complete it: to that of a Pod https://a.b is
// first the Service a of namespace b, and then the a.b of the world. Addresses, localhost
// and what ends in a dot are what they are.
func Absolute(host, domain string) string {
	if _, err := netip.ParseAddr(host); err == nil || host == "" || strings.HasSuffix(host, ".") || strings.EqualFold(host, "localhost") {
		return host
	}
	if domain != "" && strings.HasSuffix(strings.ToLower(host), ".svc") {
		host += "." + domain
	}
	return host + "."
}
