package backend

import (
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// K6: at each edge of the schema as many calls go at once as the limit says, the next
// one after the wait that the refusal names, and the rate is what was written.
func TestK6EdgesOfABackendsLimit(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, row := range []struct {
		requests int
		per      time.Duration
	}{{1, time.Millisecond}, {1, day}, {7, time.Millisecond}, {7, day}, {600_000, time.Millisecond}, {1_000_000, time.Millisecond}, {100_000, day}} {
		synctest.Test(t, func(t *testing.T) {
			limit := &routeconfig.RateLimit{Requests: row.requests, Per: testkit.Span(row.per), Burst: row.requests}
			b, _ := newBackend(t, routeconfig.Backend{RateLimit: limit})
			want := float64(row.requests) / row.per.Seconds()
			if got := float64(b.state.limiter.Limit()); math.Abs(got/want-1) > 1e-9 {
				t.Errorf("%+v are %g a second, want %g", row, got, want)
			}
			admitted := max(row.requests-1000, 0) // by others, before
			b.state.limiter.AllowN(time.Now(), admitted)
			for admitted <= row.requests {
				if _, _, ok := b.state.admit(); !ok {
					break
				}
				admitted++
			}
			_, refusal, _ := b.state.admit()
			if longest := row.per/time.Duration(row.requests) + 1; admitted != row.requests || refusal.RetryAfter > longest || refusal.RetryAfter <= 0 && longest > 2 {
				t.Errorf("%+v: %d at once, then a wait of %v", row, admitted, refusal.RetryAfter)
			}
			time.Sleep(refusal.RetryAfter + 1)
			if _, _, ok := b.state.admit(); !ok {
				t.Errorf("%+v: refused after the wait", row)
			}
		})
	}
}

// Who closes a State gives up its idle connections: to the backend, and to the token endpoint.
func TestACloseGivesUpWhatIsIdle(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "client", map[string]string{"client_id": "me", "client_secret": "v"})
	var open atomic.Int64
	serve := func() string {
		server := httptest.NewUnstartedServer(&desk{})
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			default:
			}
		}
		server.Start()
		t.Cleanup(server.Close)
		return server.URL
	}
	b := reachWith(t, serve(), creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), func(c *routeconfig.Backend) {
		c.Credential = &routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: serve() + "/token"}
	})
	if a := ask(t, b, newCall("GET")); a.Outcome != fanout.Succeeded || open.Load() != 2 {
		t.Fatalf("%v/%v over %d connections, want 2", a.Outcome, a.Reason, open.Load())
	}
	b.state.Close()
	testkit.Eventually(t, "no connection is open", func() bool { return open.Load() == 0 })
}
