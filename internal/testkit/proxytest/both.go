package proxytest

import (
	"testing"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/testkit/nethttp"
)

// Transports are those that speak HTTP/1.1 to backends in suites that hold over both.
func Transports() map[string]carrier.HTTP1 {
	return map[string]carrier.HTTP1{"ours": nil, "net_http": nethttp.New}
}

// OverBoth runs a test of semantics or of faults over each transport, in parallel with others.
func OverBoth(t *testing.T, test func(t *testing.T, o proxy.Options)) {
	t.Helper()
	t.Parallel()
	for name, http1 := range Transports() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, proxy.Options{HTTP1: http1})
		})
	}
}
