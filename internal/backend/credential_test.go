package backend

import (
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// watched calls back when a request is on its way, before its answer.
type watched struct {
	http.RoundTripper

	sent func()
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	w.sent()
	return w.RoundTripper.RoundTrip(r)
}

// M4: what is sent is judged when it is sent. A value that is rotated between two attempts
// and may not go to the backend does not go there, nor by a hedge.
func TestM4EachAttemptIsJudged(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]routeconfig.Backend{
		"a retry": {Retry: &routeconfig.Retry{Attempts: 3, Methods: routeconfig.RetryAll, RetryOn: []string{"503"}, BudgetPercent: 100}},
		"a hedge": {
			Hedge: &routeconfig.Hedge{Delay: testkit.Span(time.Second), Max: 1, BudgetPercent: 100}, // the value is rotated by then
			Retry: &routeconfig.Retry{Attempts: 1, Methods: routeconfig.RetryAll, BudgetPercent: 100},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			secrets := testkit.NewSecrets(t)
			secrets.Mount("shop", "key", map[string]string{"key": "old", "allowedHosts": "one.example.com"})
			store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
			config.Credential = &routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "key", Key: "key", Header: "X-Key"}
			config.Name, config.URL, config.MaxResponseSize = "one", "http://one.example.com/x", 16
			config.Timeout, config.Request.Path = testkit.Span(10*time.Second), routeconfig.PathURL
			script := &transport{scripts: []exchangeScript{{status: 503, after: 2 * time.Second}, {status: 200}}}
			state := NewState(StateOptions{Namespace: "shop", Config: &config, Store: store, Dialer: dial.New(dial.Options{})})
			state.connections = &watched{script, sync.OnceFunc(func() {
				secrets.Mount("shop", "key", map[string]string{"key": "new", "allowedHosts": "two.example.com"})
				store.Reload([]string{"."})
			})}
			expressions, err := compiler()
			if err != nil {
				t.Fatal(err)
			}
			b, err := New(Options{Config: &config, State: state, Combined: true, Via: "fanout-x", Expressions: expressions})
			if err != nil {
				t.Fatal(err)
			}
			a := ask(t, b, newCall("POST"))
			if len(script.seen) != 1 || script.seen[0].Header.Get("X-Key") != "old" {
				t.Errorf("%s: %d requests, the last with key %q; want the first alone", name, len(script.seen), script.seen[len(script.seen)-1].Header.Get("X-Key"))
			}
			if a.Outcome != fanout.Failed {
				t.Errorf("%s: answer %+v, want it failed", name, a)
			}
			if _, refusal := b.Reserve(t.Context(), newCall("POST"), nil); refusal.Reason != fanout.Credential {
				t.Errorf("%s: the next call is reserved: %+v", name, refusal)
			}
		})
	}
}

// M4: the Host picks the receiver behind an address, so it is judged as the address is.
func TestM4TheHostIsJudged(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		allowed, url, host string
		want               bool
	}{
		{"one.example.com", "https://one.example.com", "", true},
		{"one.example.com", "https://one.example.com", "ONE.example.com", true},
		{"one.example.com", "https://one.example.com", "two.example.com", false},
		{"one.example.com\ntwo.example.com:443", "https://one.example.com", "two.example.com", true},
		{"one.example.com\ntwo.example.com:443", "https://one.example.com", "two.example.com:443", true},
		{"one.example.com\ntwo.example.com:443", "https://one.example.com", "two.example.com:8443", false},
		{"one.example.com\ntwo.example.com", "https://one.example.com", "two.example.com:80@evil", false},
		{"one.example.com\ntwo.example.com", "https://one.example.com", "two.example.com.evil", false},
		{"two.example.com", "https://one.example.com", "two.example.com", false},
		{"[fd00::1]:8080", "http://[fd00::1]:8080", "", true},
		{"fd00::1", "http://[fd00::1]:8080", "[fd00::1]", true},
		{"[fd00::1]", "http://[fd00::1]:8080", "", true},
		{"[fd00::1]:80", "http://[fd00::1]:8080", "", false},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "key", map[string]string{"key": "v", "allowedHosts": row.allowed})
		group := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Keys("shop", "key", "key")
		base, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		c := &credential{
			Credential: routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Key: "key", Header: "X-Key"},
			values:     group, base: base,
		}
		attempt := &http.Request{Host: row.host, Header: http.Header{}, URL: &url.URL{}}
		if _, err := c.show(t.Context(), attempt); (err == nil) != row.want || (attempt.Header.Get("X-Key") != "") != row.want || (c.ready(row.host) == nil) != row.want {
			t.Errorf("allowed %q, dialled %s, Host %q: shown %v (%v), ready: %v; want %v", row.allowed, row.url, row.host, attempt.Header, err, c.ready(row.host), row.want)
		}
	}
}
