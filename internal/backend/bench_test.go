package backend

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// One call of one backend over connections of HTTP/1.1 on loopback, with its server.
func BenchmarkExchange(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	b.Cleanup(server.Close)
	secrets := testkit.NewSecrets(b)
	secrets.Mount("shop", "key", map[string]string{"key": "k"})
	key := func(c *routeconfig.Backend) {
		c.Credential = &routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "key", Key: "key", Header: "X-Key"}
	}
	none := func(*routeconfig.Backend) {}
	for _, row := range []struct {
		name, method string
		modify       func(*routeconfig.Backend)
	}{{"GET", "GET", none}, {"POST", "POST", none}, {"POST with a key", "POST", key}} {
		b.Run(row.name, func(b *testing.B) {
			call := newCall(row.method)
			backend := reachWith(b, server.URL, creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), row.modify)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, refusal := backend.Reserve(b.Context(), call, nil)
					if r == nil {
						b.Fatal(refusal)
					}
					if a := do(b.Context(), r, call, nil); a.Outcome != fanout.Succeeded {
						b.Fatal(a)
					}
				}
			})
		})
	}
}
