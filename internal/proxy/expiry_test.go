package proxy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// shownUntil are the certificates of route orders, as who reads /status within bounds has them.
func shownUntil(t *testing.T, p *proxytest.Proxy) []stats.CertificateReport {
	t.Helper()
	known := func(names ...string) map[string]bool {
		list := map[string]bool{}
		for _, name := range names {
			list[name] = true
		}
		return list
	}
	bounds := stats.Bounds{{Namespace: testkit.Namespace, Name: "orders", Backends: known("one", "two"), Secrets: known("tls", "me", "ca")}}
	report, err := bounds.Decode([]byte(p.Ask("/status").Body), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r := report.Route(testkit.Namespace, "orders")
	if r == nil {
		t.Fatal("the report has no route orders")
	}
	return r.Certificates
}

// /status tells of each certificate that a route shows, and of no authority, when it ends: the
// listener's first, and of one that is replaced when the new one does. One that cannot be read
// changes nothing, since the last good one is shown on.
func TestStatusSaysWhenCertificatesEnd(t *testing.T) {
	t.Parallel()
	at := func(days int) time.Time { return time.Now().AddDate(0, 0, days).UTC().Truncate(time.Second) }
	listener, client, renewed := at(3), at(13), at(90)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "tls", pairUntil(t, "shop.example.com", listener))
	secrets.Mount(testkit.Namespace, "me", pairUntil(t, "me", client))
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": pairUntil(t, "authority", at(1))["tls.crt"]})
	shows := func(b *routeconfig.Backend) { b.TLS = &routeconfig.TLS{CASecret: "ca", ClientCertificateSecret: "me"} }
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", "https://one.example.com/", shows), testkit.Receiver("two", "https://two.example.com/", shows)), secured))
	of := func(listener, client time.Time) []stats.CertificateReport {
		return []stats.CertificateReport{{Secret: "tls", Ends: listener}, {Secret: "me", Backend: "one", Ends: client}, {Secret: "me", Backend: "two", Ends: client}}
	}
	if got := shownUntil(t, p); !slices.Equal(got, of(listener, client)) {
		t.Errorf("told: %+v", got)
	}
	secrets.Mount(testkit.Namespace, "me", pairUntil(t, "me", renewed))
	testkit.Eventually(t, "the renewed one is told", func() bool { return slices.Equal(shownUntil(t, p), of(listener, renewed)) })
	torn := pairUntil(t, "shop.example.com", at(300))
	torn["tls.key"] = "none"
	secrets.Mount(testkit.Namespace, "tls", torn)
	testkit.Eventually(t, "what cannot be read is told", func() bool {
		report, err := stats.Decode([]byte(p.Ask("/status").Body))
		return err == nil && len(report.Routes[0].Missing) == 1 && report.Routes[0].Missing[0].Secret == "tls"
	})
	if got := shownUntil(t, p); !slices.Equal(got, of(listener, renewed)) {
		t.Errorf("told beside what cannot be read: %+v", got)
	}
}
