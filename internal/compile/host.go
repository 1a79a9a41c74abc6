package compile

import (
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkHost judges a host in lower case. Proxies look all names up as absolute ones, but
// those that end in .svc, which get the cluster's domain.
func (c *compiler) checkHost(path *field.Path, raw, host string) {
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return
	}
	if labels := strings.Split(strings.TrimSuffix(host, "."), "."); numeric(labels[len(labels)-1]) {
		c.refuse(path, raw, "must not have a host that ends in a number and is no address in four decimal parts: nothing has such a name, and some read it as an address")
		return
	}
	if !strings.Contains(host, ".") {
		c.refuse(path, raw, fmt.Sprintf("must not have a host of one label, since nothing completes it: write %s.%s.svc, or in a backend use service for the Service %q", host, c.route.Namespace, host))
		return
	}
	if labels := strings.Split(strings.TrimSuffix(host, "."), "."); len(labels) == 2 && labels[1] == "svc" {
		c.refuse(path, raw, fmt.Sprintf("must not be NAME.svc, which names nothing: use service for the Service %q", labels[0]))
		return
	}
	for _, namespace := range namespaces(host) {
		if namespace != c.route.Namespace && !c.options.AllowCrossNamespace {
			c.refuse(path, raw, fmt.Sprintf("must not name a Service or Pod of namespace %q: "+
				"a route reaches only those of its own, unless the operator runs with --allow-cross-namespace", namespace))
			return
		}
	}
}

// numeric reports whether a label is read as a number by those who read hosts as the WHATWG's
// URL Standard does.
func numeric(label string) bool {
	if digits, hex := strings.CutPrefix(label, "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// namespaces are those that a host may be of in the cluster's DNS: NAME.NAMESPACE.svc and
// NAME.NAMESPACE.pod, with or without a cluster domain, which nobody knows here. So each
// label svc or pod counts, unless fewer than two stand before it.
func namespaces(host string) []string {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	var list []string
	for i := 2; i < len(labels); i++ {
		if labels[i] == "svc" || labels[i] == "pod" {
			list = append(list, labels[i-1])
		}
	}
	return list
}
