package backend

import (
	"net"

	"github.com/fanout-operator/fanout/internal/netguard"
)

// place is what is dialled for host:port of a URL.
func (d Dialer) place(address string) string {
	if other, ok := d.Resolve[address]; ok {
		return other
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address // the dial says what is wrong
	}
	return net.JoinHostPort(netguard.Absolute(host, d.ClusterDomain), port)
}
