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
// no Secret speaks for the account, it may go nowhere.
func TestServiceAccountsAreShown(t *testing.T) {
	t.Parallel()
	const audience = "https://one.example.com"
	folder := (&routeconfig.Reference{Kind: routeconfig.KindToken, Name: audience}).Folder()
	for _, bound := range []bool{false, true} {
		b, secrets := testkit.NewBackend(t, nil), testkit.NewSecrets(t)
		p := proxytest.ServeWith(t, secrets, proxy.Options{RequireAllowedHosts: bound, TokenHosts: "orders.fanout-hosts"}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", b.URL, credential(routeconfig.Credential{Type: routeconfig.CredentialWorkloadIdentity, Audience: audience})))))
		const lacks = `{"key":"","backend":"one","audience":"` + audience + `","seconds":0}`
		if r := p.Do("POST", "orders", "/", "{}"); !strings.Contains(r.Body, `"reason":"credential"`) || !strings.Contains(p.Ask("/status").Body, lacks) {
			t.Errorf("without it: %d %s, /status %s", r.Status, r.Body, p.Ask("/status").Body)
		}
		for _, token := range []string{"canary-1", "canary-2"} {
			if !bound {
				secrets.Mount(testkit.Namespace, folder, map[string]string{"token": token})
				const why = `the Secret \"orders.fanout-hosts\" is missing or lacks it, and without it the token is sent nowhere`
				testkit.Eventually(t, "the token is forbidden", func() bool { return strings.Contains(p.Ask("/status").Body, why) })
				if r := p.Do("POST", "orders", "/", "{}"); b.Count() > 0 || strings.Contains(r.Body+p.Ask("/status").Body, "canary") {
					t.Errorf("sent %d times, %s, /status %s", b.Count(), r.Body, p.Ask("/status").Body)
				}
				continue
			}
			secrets.Mount(testkit.Namespace, folder, map[string]string{"token": token, "allowedHosts": "127.0.0.1"})
			testkit.Eventually(t, "the token is shown", func() bool {
				return p.Do("POST", "orders", "/", "{}").Status == 200 && b.Last(t).Header.Get("Authorization") == "Bearer "+token
			})
		}
	}
}
