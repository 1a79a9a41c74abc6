package backend

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// What cannot be compiled is said by the name of its backend, and makes none.
func TestWhatMakesNoBackend(t *testing.T) {
	t.Parallel()
	expressions, err := compiler()
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]routeconfig.Backend{
		"parse url":        {URL: "http://[::1/"},
		"compile requests": {URL: "http://one.example.com/", When: "request."},
	} {
		config.Name = "one"
		state := NewState(StateOptions{Namespace: "shop", Config: &config, Store: creds.NewStore(creds.Options{Tree: os.DirFS(t.TempDir())}), Dialer: dial.New(dial.Options{})})
		t.Cleanup(state.Close)
		b, err := New(Options{Config: &config, State: state, Expressions: expressions})
		if b != nil || err == nil || !strings.HasPrefix(err.Error(), name) || !strings.Contains(err.Error(), `backend "one"`) {
			t.Errorf("%s: %v, and a backend: %v", name, err, b != nil)
		}
	}
}

// A backend whose condition does not hold is left out, and takes nothing of its limits.
func TestConditionsLeaveABackendOut(t *testing.T) {
	t.Parallel()
	b, _ := newBackend(t, routeconfig.Backend{When: "request.method == 'PUT'", MaxConcurrentRequests: 1})
	for method, want := range map[string]fanout.Outcome{"POST": fanout.Skipped, "PUT": fanout.Pending} {
		input := expression.NewInput(&expression.Request{Method: method}, (&memory.Budget{Limit: 1 << 20}).Open(netip.Addr{}))
		r, refusal := b.Reserve(t.Context(), newCall(method), input)
		input.Close()
		if refusal.Outcome != want || (r != nil) != (want == fanout.Pending) {
			t.Errorf("%s: %v, reserved: %v; want %v", method, refusal.Outcome, r != nil, want)
		}
		if r != nil {
			r.Cancel()
		}
		if !b.state.slots.TryAcquire(1) {
			t.Fatalf("%s: a slot is kept", method)
		}
		b.state.slots.Release(1)
	}
}

// A backend that is not hedged has no figures of hedges.
func TestFiguresOfHedges(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		config routeconfig.Backend
		want   bool
	}{"hedged": {hedged(ms), true}, "not hedged": {routeconfig.Backend{}, false}} {
		b, _ := newBackend(t, row.config)
		if sent, won, wasted, ok := b.Hedges(); sent+won+wasted != 0 || ok != row.want {
			t.Errorf("%s: %d, %d, %d, %v", name, sent, won, wasted, ok)
		}
	}
}

// Why there is no credential, or why it may not be sent, is told before anything is sent: to
// the call, and, where it holds for every call, to the status.
func TestWhyThereIsNoCredential(t *testing.T) {
	t.Parallel()
	const missing = `Secret "key" is missing or empty`
	for name, row := range map[string]struct {
		secret         map[string]string // nil for none
		open           bool              // the backend has no credential
		host           string
		reason         fanout.Reason
		detail, status string
	}{
		"no credential":         {open: true},
		"no Secret":             {reason: fanout.Credential, detail: missing},
		"a Secret":              {secret: map[string]string{"key": "v"}},
		"a Secret for the host": {secret: map[string]string{"key": "v", "allowedHosts": "one.example.com"}},
		"a Secret for another host": {
			secret: map[string]string{"key": "v", "allowedHosts": "two.example.com"}, reason: fanout.Credential,
			detail: `Secret "key": allowedHosts does not cover one.example.com:80`, status: "allowedHosts does not cover one.example.com:80",
		},
		"a Secret for another Host": {
			secret: map[string]string{"key": "v", "allowedHosts": "one.example.com"}, host: "two.example.com", reason: fanout.Credential,
			detail: `Secret "key": allowedHosts does not cover the Host that is sent`, status: "allowedHosts does not cover two.example.com:80",
		},
	} {
		secrets := testkit.NewSecrets(t)
		if row.secret != nil {
			secrets.Mount("shop", "key", row.secret)
		}
		b := reachWith(t, "http://one.example.com/", creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), func(c *routeconfig.Backend) {
			c.Request.Host = row.host
			if !row.open {
				c.Credential = &routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "key", Key: "key", Header: "X-Key"}
			}
		})
		if r, refusal := b.Reserve(t.Context(), newCall("GET"), nil); refusal.Reason != row.reason || refusal.Detail != row.detail || (r == nil) != (row.detail != "") {
			t.Errorf("%s: a call is told %v, %q; want %v, %q", name, refusal.Reason, refusal.Detail, row.reason, row.detail)
		}
		var want []Refusal
		if row.status != "" {
			want = []Refusal{{Name: "key", Key: "allowedHosts", Why: row.status}}
		}
		if got := b.Forbidden(); !slices.Equal(got, want) {
			t.Errorf("%s: the status says %v, want %v", name, got, want)
		}
	}
}
