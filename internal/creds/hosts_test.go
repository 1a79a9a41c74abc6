package creds_test

import (
	"crypto/tls"
	"errors"
	"os"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// allowed is what a Secret says of a backend and of a token endpoint.
type allowed struct{ backend, issuer bool }

func allowedBy(t *testing.T, s *creds.Snapshot) allowed {
	t.Helper()
	_, why := s.ForbidsToken("idp.example.com", "443")
	return allowed{s.Forbids("api.example.com", "443") == "", why == ""}
}

// allowedTokenHosts holds for token endpoints, and without it allowedHosts does.
func TestTokenHostsHaveAKeyOfTheirOwn(t *testing.T) {
	t.Parallel()
	const api, idp = "api.example.com", "idp.example.com:443"
	for name, row := range map[string]struct {
		hosts, tokenHosts string
		require           bool
		want              allowed
		key               string
	}{
		"neither":                              {want: allowed{true, true}, key: creds.AllowedHosts},
		"hosts alone":                          {hosts: api, want: allowed{true, false}, key: creds.AllowedHosts},
		"hosts alone, of both":                 {hosts: api + "\n" + idp, want: allowed{true, true}, key: creds.AllowedHosts},
		"one of each":                          {hosts: api, tokenHosts: idp, want: allowed{true, true}, key: creds.AllowedTokenHosts},
		"the issuer's among the backends":      {hosts: api + "\n" + idp, tokenHosts: "other", want: allowed{true, false}, key: creds.AllowedTokenHosts},
		"the backend's among the issuers":      {hosts: "other", tokenHosts: api + "\n" + idp, want: allowed{false, true}, key: creds.AllowedTokenHosts},
		"token hosts alone":                    {tokenHosts: idp, want: allowed{true, true}, key: creds.AllowedTokenHosts},
		"token hosts alone, of another":        {tokenHosts: "other", want: allowed{true, false}, key: creds.AllowedTokenHosts},
		"token hosts that are empty":           {hosts: api + "\n" + idp, tokenHosts: "\n", want: allowed{true, false}, key: creds.AllowedTokenHosts},
		"neither, where it is required":        {require: true, key: creds.AllowedHosts},
		"token hosts alone, where required":    {tokenHosts: idp, require: true, want: allowed{false, true}, key: creds.AllowedTokenHosts},
		"hosts of both, where it is required":  {hosts: api + "\n" + idp, require: true, want: allowed{true, true}, key: creds.AllowedHosts},
		"a line of the token hosts that is no": {tokenHosts: "https://" + idp, want: allowed{true, false}, key: creds.AllowedTokenHosts},
	} {
		secrets := testkit.NewSecrets(t)
		keys := map[string]string{"k": "v"}
		for key, content := range map[string]string{creds.AllowedHosts: row.hosts, creds.AllowedTokenHosts: row.tokenHosts} {
			if content != "" {
				keys[key] = content
			}
		}
		secrets.Mount("shop", "s", keys)
		s, err := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir), RequireAllowedHosts: row.require}).Keys("shop", "s", "k").Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		key, _ := s.ForbidsToken("idp.example.com", "443")
		if got := allowedBy(t, s); got != row.want || key != row.key {
			t.Errorf("%s: %+v by %s, want %+v by %s", name, got, key, row.want, row.key)
		}
	}
}

// Who deletes a Secret, or the one key, widens nothing of what its values may still be
// sent to; an edit of the one key alone holds at once.
func TestTokenHostsFollowTheSecret(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	pair := store.Keys("shop", "s", "k")
	for _, step := range []struct {
		keys map[string]string
		want allowed
	}{
		{map[string]string{"k": "1", "allowedHosts": "api.example.com", "allowedTokenHosts": "idp.example.com"}, allowed{true, true}},
		{map[string]string{"k": "1", "allowedHosts": "api.example.com", "allowedTokenHosts": "other"}, allowed{true, false}},
		{map[string]string{}, allowed{true, false}},
		{map[string]string{"allowedTokenHosts": "idp.example.com"}, allowed{true, true}},
		{map[string]string{"k": "2"}, allowed{true, true}},
	} {
		secrets.Mount("shop", "s", step.keys)
		store.Reload([]string{"."})
		s, err := pair.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if got := allowedBy(t, s); got != step.want {
			t.Errorf("with %v: %+v, want %+v", step.keys, got, step.want)
		}
	}
}

// Where names lead where the route says, those among the token hosts allow nothing either.
func TestTokenHostsTrustNoNamesOfTheRoute(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "s", map[string]string{"k": "1", "allowedTokenHosts": "idp.example.com\n10.1.2.3"})
	s, err := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir), NamesByRoute: true}).Keys("shop", "s", "k").Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	_, address := s.ForbidsToken("10.1.2.3", "443")
	if got := allowedBy(t, s); got != (allowed{true, false}) || address != "" {
		t.Errorf("%+v, the address %q", got, address)
	}
}

// The reserved keys are nobody who calls.
func TestReservedKeysAreNoCallers(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "s", map[string]string{"till": "k", "allowedHosts": "h", "allowedTokenHosts": "t"})
	callers, err := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Callers("shop", "s").Get()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"k": true, "h": false, "t": false} {
		if _, known := callers.Name(key); known != want {
			t.Errorf("%q is known: %v, want %v", key, known, want)
		}
	}
}

// A certificate is shown where its Secret says, and nowhere else.
func TestPairsAreBoundToHosts(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	client := store.KeyPair("shop", "s")
	if _, err := client.ShowToken("api.example.com", "443"); !errors.Is(err, creds.ErrMissing) {
		t.Errorf("without its Secret, to a token endpoint: %v", err)
	}
	if _, why := client.RefusesToken("api.example.com", "443"); why != "" {
		t.Errorf("without its Secret, refused %q", why)
	}
	if _, err := client.Show("api.example.com", "443"); !errors.Is(err, creds.ErrMissing) || client.Refuses("api.example.com", "443") != "" {
		t.Errorf("without its Secret: %v, refused %q", err, client.Refuses("api.example.com", "443"))
	}
	pair := newPair(t)
	pair["allowedHosts"] = "api.example.com:443"
	secrets.Mount("shop", "s", pair)
	store.Reload([]string{"."})
	if shown, err := client.Show("api.example.com", "443"); err != nil || len((*tls.Certificate)(shown).Certificate) == 0 {
		t.Errorf("where it may be: %v", err)
	}
	const want = `Secret "s": allowedHosts does not cover evil.example.com:443`
	if shown, err := client.Show("evil.example.com", "443"); shown != nil || !errors.Is(err, creds.ErrForbidden) || err.Error() != want {
		t.Errorf("where it may not be: %v, want %s", err, want)
	}
	if shown, err := client.ShowToken("api.example.com", "443"); shown == nil || err != nil {
		t.Errorf("to a token endpoint where it may be: %v", err)
	}
	if shown, err := client.ShowToken("evil.example.com", "443"); shown != nil || err == nil || err.Error() != want+" (the token endpoint)" {
		t.Errorf("to a token endpoint where it may not be: %v", err)
	}
	if key, why := client.RefusesToken("evil.example.com", "443"); key != "allowedHosts" || why != "allowedHosts does not cover evil.example.com:443" {
		t.Errorf("refused to a token endpoint by %s: %q", key, why)
	}
	if why := client.Refuses("evil.example.com", "443"); why != "allowedHosts does not cover evil.example.com:443" {
		t.Errorf("refused: %q", why)
	}
}
