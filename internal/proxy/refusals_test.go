package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// Why a request makes no call is in its line of the log, on /status and in a metric, which was 0
// before; nothing of what was sent is, and the client is told no more than its kind.
func TestWhyARequestIsRefusedIsTold(t *testing.T) {
	t.Parallel()
	signer, stranger := testkit.NewSigner(t, "one"), testkit.NewSigner(t, "one")
	forgotten := testkit.NewSigner(t, "two")
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "hunter2"})
	secrets.Mount(testkit.Namespace, "_keys", map[string]string{"jwks.json": string(signer.Keys())})
	claims := func(more ...any) map[string]any {
		c := map[string]any{"iss": "https://idp.example", "sub": "ada", "aud": "orders", "exp": time.Now().Add(time.Hour).Unix()}
		for i := 0; i < len(more); i += 2 {
			c[fmt.Sprint(more[i])] = more[i+1]
		}
		return c
	}
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL)), func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{
			APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"},
			JWT: []routeconfig.CallerJWT{{
				Name: "idp", Issuer: "https://idp.example", JWKS: &routeconfig.ConfigMapKey{Name: "keys", Key: "jwks.json"}, Algorithms: []string{"ES256", "EdDSA", "RS256"},
				Audiences: []string{"orders"}, Caller: []string{"sub"}, Header: "Authorization", Prefix: "Bearer",
			}},
		}
		r.RateLimits = []routeconfig.RateLimit{{Name: "burst", Requests: 1, Per: testkit.Span(time.Hour), Burst: 1, Key: routeconfig.KeyCaller}}
		r.Validation.MaxBodySize = 10
	})
	bearer := func(s *testkit.Signer, c map[string]any) []string {
		return []string{"Authorization", "Bearer " + s.Sign(c)}
	}
	for name, row := range map[string]struct {
		fields []string
		body   string
		before int // calls that are admitted before
		status int
		reason string
		limit  string
	}{
		"nothing shown":        {status: 401, reason: "no-credentials"},
		"an unknown key":       {fields: []string{"X-API-Key", "guess"}, status: 401, reason: "unknown-api-key"},
		"no token":             {fields: []string{"Authorization", "Bearer guess"}, status: 401, reason: "token-malformed"},
		"of another issuer":    {fields: bearer(signer, claims("iss", "https://evil.example")), status: 401, reason: "token-wrong-issuer"},
		"an old one":           {fields: bearer(signer, claims("exp", time.Now().Add(-time.Hour).Unix())), status: 401, reason: "token-expired"},
		"without an end":       {fields: bearer(signer, claims("exp", nil)), status: 401, reason: "token-without-expiry"},
		"one of tomorrow":      {fields: bearer(signer, claims("nbf", time.Now().Add(time.Hour).Unix())), status: 401, reason: "token-not-yet-valid"},
		"for others":           {fields: bearer(signer, claims("aud", "invoices")), status: 401, reason: "token-wrong-audience"},
		"of nobody":            {fields: bearer(signer, claims("sub", "")), status: 401, reason: "token-without-caller"},
		"signed by a stranger": {fields: bearer(stranger, claims()), status: 401, reason: "token-bad-signature"},
		"of an unknown key":    {fields: bearer(forgotten, claims()), status: 401, reason: "token-unknown-key"},
		"too often":            {fields: []string{"X-API-Key", "hunter2"}, before: 1, status: 429, reason: "rate-limited", limit: "burst"},
		"too long":             {fields: []string{"X-API-Key", "hunter2"}, body: "eleven byte", status: 413, reason: "body-too-large", limit: "validation.maxBodySize"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := proxytest.ServeWith(t, secrets, proxy.Options{}, route)
			counted := fmt.Sprintf(`fanout_refused_calls_total{namespace="shop",reason=%q,route="orders"} `, row.reason)
			if page := p.Ask("/metrics").Body; !strings.Contains(page, counted+"0\n") {
				t.Errorf("%s0 is not there before the first one", counted)
			}
			for range row.before {
				p.Do("POST", "orders", "/", "", row.fields...)
			}
			response := p.Do("POST", "orders", "/", row.body, row.fields...)
			if response.Status != row.status || strings.Contains(response.Body, row.reason) && row.status == 401 {
				t.Errorf("status %d, %s", response.Status, response.Body)
			}
			if page := p.Ask("/metrics").Body; !strings.Contains(page, counted+"1\n") {
				t.Errorf("there is no %s1", counted)
			}
			if page := p.Ask("/status").Body; !strings.Contains(page, fmt.Sprintf(`"refused":[{"reason":%q,"count":1}]`, row.reason)) {
				t.Errorf("/status does not say %s: %s", row.reason, page)
			}
			lines := p.Log.Lines(t, "call")
			last := lines[len(lines)-1]
			if limit, _ := last["limit"].(string); last["reason"] != row.reason || limit != row.limit {
				t.Errorf("logged %v", last)
			}
			for _, secret := range []string{"guess", "hunter2", "evil", "invoices"} {
				if strings.Contains(p.Log.String(), secret) {
					t.Errorf("the log holds %q", secret)
				}
			}
		})
	}
}
