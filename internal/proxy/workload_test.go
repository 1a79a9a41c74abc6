package proxy_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// A service account's token is shown as it is now, and told as missing by its audience; where
// Secrets must say where they may be sent, it may go nowhere.
func TestServiceAccountsAreShown(t *testing.T) {
	t.Parallel()
	const audience = "https://one.example.com"
	folder := (&routeconfig.Reference{Kind: routeconfig.KindToken, Name: audience}).Folder()
	for _, required := range []bool{false, true} {
		b, secrets := testkit.NewBackend(t, nil), testkit.NewSecrets(t)
		p := proxytest.ServeWith(t, secrets, proxy.Options{RequireAllowedHosts: required}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", b.URL, credential(routeconfig.Credential{Type: routeconfig.CredentialWorkloadIdentity, Audience: audience})))))
		const lacks = `{"key":"","backend":"one","audience":"` + audience + `","seconds":0}`
		if r := p.Do("POST", "orders", "/", "{}"); !strings.Contains(r.Body, `"reason":"credential"`) || !strings.Contains(p.Ask("/status").Body, lacks) {
			t.Errorf("without it: %d %s, /status %s", r.Status, r.Body, p.Ask("/status").Body)
		}
		for _, token := range []string{"canary-1", "canary-2"} {
			secrets.Mount(testkit.Namespace, folder, map[string]string{"token": token})
			if required {
				const why = `a service-account token has no such key, which is required here`
				testkit.Eventually(t, "the token is forbidden", func() bool { return strings.Contains(p.Ask("/status").Body, why) })
				if r := p.Do("POST", "orders", "/", "{}"); b.Count() > 0 || strings.Contains(r.Body+p.Ask("/status").Body, "canary") {
					t.Errorf("sent %d times, %s, /status %s", b.Count(), r.Body, p.Ask("/status").Body)
				}
				continue
			}
			testkit.Eventually(t, "the token is shown", func() bool {
				return p.Do("POST", "orders", "/", "{}").Status == 200 && b.Last(t).Header.Get("Authorization") == "Bearer "+token
			})
		}
	}
}
