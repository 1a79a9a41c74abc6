package backend

import (
	"net/http"
	"os"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// credentialOf is what a backend with this credential shows.
func credentialOf(t *testing.T, config *routeconfig.Credential) *credential {
	t.Helper()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "key", map[string]string{"key": "k"})
	return reachWith(t, "http://127.0.0.1:1", creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), func(b *routeconfig.Backend) { b.Credential = config }).credential
}

// Signing costs those nothing who do not sign, and a backend without a credential costs nothing
// of what others do for theirs.
func TestSigningThatIsOffAllocatesNothing(t *testing.T) { // alone: it counts allocations
	none := credentialOf(t, nil)
	key := credentialOf(t, &routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "key", Key: "key", Header: "X-Key"})
	signed := credentialOf(t, &routeconfig.Credential{Type: routeconfig.CredentialHMAC, Secret: "key", Key: "key", Header: "X-Signature", HMAC: &routeconfig.HMAC{Algorithm: "SHA256", Encoding: "Hex"}})
	attempt, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:1/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	w := &work{call: newCall(http.MethodPost)}
	signing := func(c *credential) float64 {
		return testing.AllocsPerRun(100, func() {
			c.identify(&w.request)
			if err := c.sign(attempt, w); err != nil {
				t.Fatal(err)
			}
		})
	}
	if none, key, signed := signing(none), signing(key), signing(signed); none != 0 || key != 0 || signed == 0 {
		t.Errorf("signing makes %v things without a credential, %v with a key and %v where it is on", none, key, signed)
	}
	if n := testing.AllocsPerRun(100, func() {
		_, shown := none.show(t.Context(), attempt)
		if none.ready("") != nil || none.forbidden("") != nil || shown != nil {
			t.Error("there is no credential, and something is wrong with it")
		}
	}); n != 0 {
		t.Errorf("no credential makes %v things", n)
	}
}
