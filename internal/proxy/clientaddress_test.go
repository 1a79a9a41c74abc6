package proxy_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// P6: expressions see the client's address, and each backend is told of it as its route
// says, with every attempt, whatever the caller says in those fields or in Connection.
func TestP6BackendsAreToldWhoCalls(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	backends := map[string]*testkit.Backend{}
	receiver := func(name, kind string) routeconfig.Backend {
		backends[name] = testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
			if name == "retried" && failing.CompareAndSwap(true, false) {
				w.WriteHeader(503)
			}
		})
		return testkit.Receiver(name, backends[name].URL, request(func(r *routeconfig.Request) { r.ClientAddress = kind }))
	}
	retried := receiver("retried", routeconfig.ClientAddressXForwardedFor)
	retried.Retry = &routeconfig.Retry{Attempts: 2, Methods: "All", RetryOn: []string{"503"}, InitialBackoff: 1, MaxBackoff: 1, BudgetPercent: 100}
	computed := receiver("computed", routeconfig.ClientAddressForwarded)
	computed.Request.SetHeaders = []routeconfig.NameValue{{Name: "X-Client", Expression: "request.clientIP"}}
	shadow := testkit.Shadow(receiver("shadow", routeconfig.ClientAddressForwarded), routeconfig.CompareNone)
	all := testkit.Receivers(receiver("none", ""), receiver("xff", routeconfig.ClientAddressXForwardedFor),
		receiver("forwarded", routeconfig.ClientAddressForwarded), retried, computed)
	for name, row := range map[string]struct {
		trusted []string
		told    string
		client  string
	}{
		"trusted": {[]string{"127.0.0.0/8"}, "203.0.113.7, 127.0.0.1", "203.0.113.7"},
		"not":     {nil, "127.0.0.1", "127.0.0.1"},
	} {
		failing.Store(true)
		p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", all, shadow, func(r *routeconfig.Route) { r.Listener.TrustedCIDRs = row.trusted }))
		before := backends["shadow"].Count()
		r := p.Do("POST", "orders", "/", "{}", "X-Forwarded-For", "203.0.113.7", "Forwarded", "for=203.0.113.7",
			"X-Real-IP", "6.6.6.6", "X_Forwarded_For", "6.6.6.6", "Connection", "X-Forwarded-For, Forwarded")
		if r.Status != 200 {
			t.Fatalf("%s: %d %s", name, r.Status, r.Body)
		}
		testkit.Eventually(t, "the shadow is asked", func() bool { return backends["shadow"].Count() > before })
		forwarded := "for=" + strings.ReplaceAll(row.told, ", ", ", for=")
		for backend, want := range map[string][2]string{
			"none": {"", ""}, "xff": {row.told, ""}, "forwarded": {"", forwarded}, "retried": {row.told, ""}, "computed": {"", forwarded}, "shadow": {"", forwarded},
		} {
			got := backends[backend].Last(t).Header
			if x, f := strings.Join(got["X-Forwarded-For"], "|"), strings.Join(got["Forwarded"], "|"); x != want[0] || f != want[1] {
				t.Errorf("%s: %s was told %q and %q, want %q", name, backend, x, f, want)
			}
		}
		if got := backends["computed"].Last(t).Header.Get("X-Client"); got != row.client {
			t.Errorf("%s: request.clientIP is %q, want %q", name, got, row.client)
		}
	}
}
