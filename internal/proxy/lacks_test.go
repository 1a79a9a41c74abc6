package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// What a route lacks is a line of WARN when it begins and one of INFO when it is over, however
// often files are read again; by the field of the spec where no backend is named.
func TestWhatRoutesLackIsLogged(t *testing.T) {
	t.Parallel()
	b, secrets := testkit.NewBackend(t, nil), testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "key", map[string]string{"other": "canary"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", b.URL, credential(routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "key", Key: "k", Header: "X-Key"}))),
		func(r *routeconfig.Route) {
			r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
			r.Validation.JSONSchema = &routeconfig.JSONSchema{ConfigMap: &routeconfig.ConfigMapKey{Name: "schema", Key: "s"}}
		}))
	told := func(message string) (lines []string) {
		for _, line := range p.Log.Lines(t, message) {
			text := fmt.Sprint(line["level"])
			for _, name := range []string{"route", "backend", "field", "secret", "configMap", "key", "detail", "stale"} {
				if line[name] != nil {
					text += fmt.Sprintf(" %s=%v", name, line[name])
				}
			}
			lines = append(lines, text)
		}
		return lines
	}
	const callers, schema, key = " route=shop/orders field=spec.authentication.apiKeys.secretName secret=callers",
		" route=shop/orders field=spec.validation.jsonSchema.configMapKeyRef configMap=schema", " route=shop/orders backend=one secret=key key=k"
	want := "WARN" + callers + "\nWARN" + schema + "\nWARN" + key
	reload := func() { p.ReloadCredentials([]string{"."}) }
	reload()
	reload()
	if got := strings.Join(told("reference not resolved"), "\n"); got != want {
		t.Errorf("at first:\n%s\nwant\n%s", got, want)
	}
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "canary"})
	secrets.Mount(testkit.Namespace, "key", map[string]string{"k": "canary"})
	reload()
	reload()
	if got := strings.Join(told("reference resolved"), "\n"); got != "INFO"+callers+"\nINFO"+key && got != "INFO"+key+"\nINFO"+callers {
		t.Errorf("once they are there:\n%s", got)
	}
	secrets.Mount(testkit.Namespace, "key", map[string]string{"k": ""})
	reload()
	if got := told("reference not resolved"); len(got) != 4 || got[3] != "WARN"+key+" stale=true" {
		t.Errorf("once it is empty: %q", got)
	}
	if strings.Contains(p.Log.String(), "canary") {
		t.Errorf("a value is logged: %s", p.Log)
	}
}
