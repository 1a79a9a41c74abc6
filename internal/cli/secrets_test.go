package cli

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/schema"
)

// reading has a Secret in each of the ways that have a form of their own.
const reading = `
apiVersion: fanout.dev/v1alpha1
kind: FanoutRoute
metadata: {name: orders, namespace: shop}
spec:
  listener: {tls: {secretName: pair}}
  authentication:
    basic: {secretName: users}
    clientCertificate: {caSecretName: authority}
  backends:
  - {name: one, url: "https://one.example.com/", authentication: {type: Basic, basic: {secretName: basic}}}
  - {name: two, url: "https://two.example.com/", authentication: {type: Basic, basic: {secretName: basic}}}
  - {name: key, url: "https://key.example.com/", authentication: {type: APIKey, apiKey: {secretName: key, key: k, header: X-Key}}}
  - name: signed
    url: https://signed.example.com/
    authentication: {type: OAuth2, oauth2: {tokenURL: "https://idp.example.com/", secretName: client, clientAuthentication: PrivateKeyJWT}}
  - {name: workload, url: "https://w.example.com/", authentication: {type: WorkloadIdentity, workloadIdentity: {audience: "https://w.example.com"}}}
`

func secretOf(name, data string) string {
	return "---\napiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: shop}\nstringData: " + data + "\n"
}

// What proxies could not use of a Secret among the files is told by field and key, and no
// value is. Secrets that are not there are somebody else's to bring.
func TestLintJudgesSecrets(t *testing.T) {
	t.Parallel()
	s, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		secret string
		want   []string
	}{
		"none is here":        {"", nil},
		"of another route":    {secretOf("other", "{canary: canary}"), nil},
		"of another space":    {strings.Replace(secretOf("basic", "{canary: canary}"), "shop", "lab", 1), nil},
		"as it is to be":      {secretOf("basic", "{username: canary, password: canary}"), nil},
		"a key is missing":    {secretOf("basic", "{username: canary}"), []string{`spec.backends[one].authentication.basic.secretName: Secret "basic" lacks the key "password", or has an empty one`, `spec.backends[two].authentication`}},
		"a key is empty":      {secretOf("key", "{k: ''}"), []string{`spec.backends[key].authentication.apiKey.secretName: Secret "key" lacks the key "k"`}},
		"there is no key":     {secretOf("key", "{}"), []string{`spec.backends[key].authentication.apiKey.secretName: Secret "key" has no key that could be used here`}},
		"what is no field":    {secretOf("key", `{k: "canary\ncanary"}`), []string{`spec.backends[key].authentication.apiKey.secretName: Secret "key": key "k" holds more than one line`}},
		"a name with a colon": {secretOf("basic", "{username: 'canary:canary', password: p}"), []string{`spec.backends[one].authentication.basic.secretName: Secret "basic": key "username" holds a colon`, `spec.backends[two].authentication`}},
		"no certificate":      {secretOf("pair", "{tls.crt: canary, tls.key: canary}"), []string{`spec.listener.tls.secretName: Secret "pair": tls.crt and tls.key are no certificate with its key`}},
		"no authority":        {secretOf("authority", "{ca.crt: canary}"), []string{`spec.authentication.clientCertificate.caSecretName: Secret "authority": `}},
		"no users":            {secretOf("users", "{auth: canary}"), []string{`spec.authentication.basic.secretName: Secret "users": key "auth"`}},
		"no key that signs":   {secretOf("client", "{client_id: me, private_key: canary}"), []string{`spec.backends[signed].authentication.oauth2.secretName: Secret "client": key "private_key" is no private key in PEM`}},
		"tokens may go":       {secretOf("default.fanout-hosts", "{allowedHosts: w.example.com}"), nil},
		"tokens go nowhere":   {secretOf("default.fanout-hosts", "{allowedTokenHosts: canary}"), []string{`spec.backends[workload].authentication.workloadIdentity.audience: Secret "default.fanout-hosts" lacks the key "allowedHosts", without which the token is sent nowhere`}},
	} {
		m := readManifests(s, compile.Options{}, strings.NewReader(reading+row.secret), []string{"-"})
		m.judgeSecrets()
		out := &strings.Builder{}
		if err := writeFaults(out, "text", m); err != nil {
			t.Fatal(err)
		}
		if len(m.faults) != len(row.want) || strings.Contains(out.String(), "canary") {
			t.Errorf("%s: printed %s, want %d faults", name, out, len(row.want))
		}
		for _, want := range row.want {
			if !strings.Contains(out.String(), "-: FanoutRoute shop/orders: "+want) {
				t.Errorf("%s: printed %s, want %s", name, out, want)
			}
		}
	}
}

// The command judges them, too, and says so by its end.
func TestLintEndsInAFaultForASecret(t *testing.T) {
	t.Parallel()
	out, _, err := command(t, "", "lint", "-f", write(t, "f.yaml", reading+secretOf("key", "{other: canary}")))
	if err == nil || !strings.Contains(out, `Secret "key" lacks the key "k"`) || strings.Contains(out, "canary") {
		t.Errorf("printed %s (%v)", out, err)
	}
}
