package proxy_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/collector"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// A collector with a certificate of a private authority is sent spans once the Secret of that
// authority is there. That it is missing is told, and no call cares.
func TestSpansGoToACollectorOfAPrivateAuthority(t *testing.T) {
	t.Parallel()
	for protocol, start := range map[string]func(testing.TB) *collector.Collector{routeconfig.TracingHTTP: collector.HTTPS, routeconfig.TracingGRPC: collector.GRPCS} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			c, secrets := start(t), testkit.NewSecrets(t)
			backends := testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))
			p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", backends, func(r *routeconfig.Route) {
				r.Tracing = &routeconfig.Tracing{Endpoint: c.URL, Protocol: protocol, SamplePercent: 100, CASecret: "ca"}
			}))
			if got := p.Do("GET", "orders", "/", ""); got.Status != 200 || !strings.Contains(p.Ask("/status").Body, `"secret":"ca"`) {
				t.Errorf("without the authority a call got %d, and /status has %s", got.Status, p.Ask("/status").Body)
			}
			secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": c.Authority})
			testkit.Eventually(t, "the authority is there", func() bool { return !strings.Contains(p.Ask("/status").Body, `"secret":"ca"`) })
			p.Do("GET", "orders", "/", "")
			received(t, c, 2)
		})
	}
}
