package creds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func TestValuesAreNotShown(t *testing.T) {
	t.Parallel()
	v := struct{ Key creds.Value }{creds.NewValue("hidden")}
	encoded, _ := json.Marshal(v)
	keyed, _ := json.Marshal(map[string]creds.Value{"k": v.Key})
	log := &strings.Builder{}
	slog.New(slog.NewTextHandler(log, nil)).Info("x", "key", v.Key)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v.Key, v.Key), string(encoded), string(keyed), log.String()} {
		if strings.Contains(shown, "hidden") {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
	if v.Key.Reveal() != "hidden" {
		t.Error("Reveal does not")
	}
}

// N4: exactly one line end is cut, of either kind.
func TestN4ExactlyOneLineEndIsCut(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	for content, want := range map[string]string{"v": "v", "v\n": "v", "v\n\n": "v\n", "v\r\n": "v", "v\n\r\n": "v\n", "v\r\n\n": "v\r\n", "v\r\r\n": "v\r", "v\r": "v\r", "v\n\r": "v\n\r", " v ": " v "} {
		secrets.Mount("shop", "s", map[string]string{"k": content})
		s, err := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Keys("shop", "s", "k").Snapshot()
		if err != nil || s.Value("k").Reveal() != want {
			t.Errorf("%q is read as %q (%v), want %q", content, s.Value("k").Reveal(), err, want)
		}
	}
}

func TestGroupsChangeTogether(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	pair := store.Keys("shop", "s", "username", "password")
	if _, err := pair.Snapshot(); !errors.Is(err, creds.ErrMissing) {
		t.Errorf("error %v without files, want ErrMissing", err)
	}
	if p := pair.Problem(); p == nil || p.Keys != nil { // R12: the Secret is missing, and no key of it
		t.Errorf("problem is %+v, want none of the keys", p)
	}
	for _, row := range []struct {
		keys    map[string]string
		want    string
		missing []string // none, and a problem, for the Secret as a whole (R12)
		problem bool
	}{
		{map[string]string{"username": "a", "password": "1"}, "a1", nil, false},
		{map[string]string{"username": "b"}, "a1", []string{"password"}, true},
		{map[string]string{"username": "b", "password": "\n"}, "a1", []string{"password"}, true},
		{map[string]string{"username": "b", "password": "\r\n"}, "a1", []string{"password"}, true},
		{map[string]string{"other": "b"}, "a1", []string{"username", "password"}, true},
		{map[string]string{"allowedHosts": "a"}, "a1", []string{"username", "password"}, true},
		{map[string]string{}, "a1", nil, true},
		{map[string]string{"username": "b", "password": "2"}, "b2", nil, false},
	} {
		secrets.Mount("shop", "s", row.keys)
		store.Reload([]string{"."})
		s, err := pair.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Value("username").Reveal() + s.Value("password").Reveal(); got != row.want {
			t.Errorf("after %v the values are %q, want %q", row.keys, got, row.want)
		}
		var missing []string
		if p := pair.Problem(); p != nil {
			missing = p.Keys
		}
		if !slices.Equal(missing, row.missing) || (pair.Problem() != nil) != row.problem {
			t.Errorf("after %v %q are missing, want %q", row.keys, missing, row.missing)
		}
	}
}

// A file written in place may be seen half written: it is believed when it has
// been left alone.
func TestPlainFilesSettle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tree := fstest.MapFS{}
		write := func(content string) {
			tree["shop/s/k"] = &fstest.MapFile{Data: []byte(content), ModTime: time.Now()}
		}
		write("one")
		store := creds.NewStore(creds.Options{Tree: tree})
		g := values(store.Keys("shop", "s", "k"), "k")
		if value, err := g.tell(); value != "one" {
			t.Errorf("the first value is %q (%v)", value, err)
		}
		for _, content := range []string{"tw", "two"} {
			write(content)
			time.Sleep(100*time.Millisecond - 1)
			settled := store.Reload([]string{"."})
			if value, err := g.tell(); settled || value != "one" {
				t.Errorf("a file that was just written is believed: %q (%v)", value, err)
			}
		}
		time.Sleep(time.Nanosecond)
		settled := store.Reload([]string{"."})
		if value, err := g.tell(); !settled || value != "two" {
			t.Errorf("the settled value is %q (%v)", value, err)
		}
	})
}

// K7: a file written while the clock was ahead is believed once the clock is right.
func TestK7FilesOfTheFutureSettle(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Write("shop", "s", "k", "one")
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	g := store.Keys("shop", "s", "k")
	secrets.Write("shop", "s", "k", "two")
	ahead := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(secrets.Dir, "shop", "s", "k"), ahead, ahead); err != nil {
		t.Fatal(err)
	}
	store.Reload([]string{"."})
	if s, err := g.Snapshot(); err != nil || s.Value("k").Reveal() != "two" {
		t.Errorf("the value is %q (%v), want the one that was written", s.Value("k").Reveal(), err)
	}
}

func TestWholeSecretsAndAllowedHosts(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "s", map[string]string{"a": "1", "b": "2", "allowedHosts": "API.example.com\n\n other.example.com:8443 \r\n"})
	s, err := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Callers("shop", "s").Snapshot()
	if err != nil || len(s.Values()) != 2 {
		t.Fatalf("values are %v (%v), want a and b", s.Values(), err)
	}
	for target, want := range map[[2]string]bool{
		{"api.example.com", "443"}: true, {"api.example.com", "1"}: true, {"other.example.com", "8443"}: true,
		{"other.example.com", "443"}: false, {"evil.com", "443"}: false, {"xapi.example.com", "443"}: false,
	} {
		if got := s.Allows(target[0], target[1]); got != want {
			t.Errorf("%v: allowed %v, want %v", target, got, want)
		}
	}
}

func TestForgetDropsWhatIsNotInUse(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "s", map[string]string{"k": "1"})
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	kept, dropped := store.Keys("shop", "s", "k"), store.Callers("shop", "s")
	store.Forget([]creds.Source{kept})
	if store.Keys("shop", "s", "k") != kept || store.Callers("shop", "s") == dropped {
		t.Error("a group in use was dropped, or another one kept")
	}
}

func TestLargeKeysAreRefused(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "s", map[string]string{"k": strings.Repeat("x", 1<<20+1)})
	start := time.Now()
	if _, err := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Keys("shop", "s", "k").Snapshot(); !errors.Is(err, creds.ErrUnfit) {
		t.Errorf("error %v after %v, want ErrUnfit", err, time.Since(start))
	}
}

func TestTokenErrorsKeepNothingThatAnEndpointMadeUp(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"error":"invalid_client"}`: "token endpoint answered 401 invalid_client",
		`{"error":"hunter2"}`:        "token endpoint answered 401",
		`{"error":"invalid_client","error_description":"for hunter2"}`: "token endpoint answered 401 invalid_client",
		`hunter2`: "token endpoint answered 401",
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "client", map[string]string{"client_id": "me", "client_secret": "hunter2"})
		endpoint := testkit.NewBackend(t, testkit.Respond(http.StatusUnauthorized, "application/json", body))
		source := creds.NewTokenSource(creds.TokenOptions{
			TokenURL: endpoint.URL, Transport: http.DefaultTransport,
			Client: creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Keys("shop", "client", "client_id", "client_secret"),
		})
		if _, err := source.Token(t.Context()); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", body, err, want)
		}
	}
}

// N2: an endpoint that switches protocols has given no token, and keeps nobody waiting: a
// connection that is switched has no end that a context brings.
func TestN2SwitchedProtocolsAreNoToken(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "client", map[string]string{"client_id": "me", "client_secret": "hunter2"})
	endpoint := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		context.AfterFunc(t.Context(), func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	})
	source := creds.NewTokenSource(creds.TokenOptions{
		TokenURL: endpoint.URL, Transport: http.DefaultTransport,
		Client: creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Keys("shop", "client", "client_id", "client_secret"),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := source.Token(ctx); err == nil || err.Error() != "token endpoint answered 101" {
		t.Errorf("error %v", err)
	}
}

// M4: a renewal that no call waits for sends the client's secret as little to an endpoint
// that the Secret does not name any more.
func TestM4TokenRequestsAreJudged(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	endpoint := testkit.NewBackend(t, testkit.Respond(http.StatusOK, "application/json", `{"access_token":"t1","token_type":"Bearer","expires_in":3600}`))
	host := strings.TrimPrefix(endpoint.URL, "http://")
	client := map[string]string{"client_id": "me", "client_secret": "hunter2", "allowedHosts": "elsewhere\n" + host}
	secrets.Mount("shop", "client", client)
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	source := creds.NewTokenSource(creds.TokenOptions{
		TokenURL: endpoint.URL, Transport: http.DefaultTransport, Client: store.Keys("shop", "client", "client_id", "client_secret"),
	})
	first, err := source.Token(t.Context())
	if err != nil || first.Reveal() != "t1" || !first.Client.Allows("elsewhere", "1") {
		t.Fatalf("token %v of %v (%v)", first, first.Client, err)
	}
	client["client_secret"], client["allowedHosts"] = "hunter3", "elsewhere"
	secrets.Mount("shop", "client", client)
	store.Reload([]string{"."})
	for range 3 {
		token, err := source.Token(t.Context())
		if err == nil && token.Client != first.Client {
			t.Errorf("token of the new client: its secret went where it may not go")
		}
	}
	if n := endpoint.Count(); n != 1 {
		t.Errorf("%d token requests, want the first alone", n)
	}
	strict := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir), RequireAllowedHosts: true})
	delete(client, "allowedHosts")
	secrets.Mount("shop", "open", client)
	if s, err := strict.Keys("shop", "open", "client_id").Snapshot(); err != nil || s.Allows("elsewhere", "1") {
		t.Errorf("a Secret without allowedHosts may be sent (%v), where that key is required", err)
	}
}

// Q3: where a route says where names lead, a Secret that names the hosts it may be sent to
// is sent to none of them: its author could lead them anywhere. Addresses lead nowhere else.
func TestQ3NamesOfTheRouteAreNotTrusted(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "bound", map[string]string{"a": "1", "allowedHosts": "api.example.com\n10.1.2.3\n10.1.2.4:8443\n[fd00::1]\n[fd00::2]:8443\nother.example.com:443"})
	secrets.Mount("shop", "open", map[string]string{"a": "1"})
	for byRoute, want := range map[bool]map[[2]string]bool{
		false: {{"api.example.com", "443"}: true, {"other.example.com", "443"}: true, {"10.1.2.3", "1"}: true},
		true: {
			{"api.example.com", "443"}: false, {"other.example.com", "443"}: false, {"10.1.2.3", "1"}: true, {"10.1.2.4", "8443"}: true,
			{"10.1.2.4", "1"}: false, {"fd00::1", "1"}: true, {"fd00::2", "8443"}: true,
		},
	} {
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir), NamesByRoute: byRoute})
		s, err := store.Keys("shop", "bound", "a").Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for target, allowed := range want {
			if got := s.Allows(target[0], target[1]); got != allowed {
				t.Errorf("names by the route %v: %v is allowed %v, want %v", byRoute, target, got, allowed)
			}
		}
		if open, err := store.Keys("shop", "open", "a").Snapshot(); err != nil || !open.Allows("api.example.com", "443") {
			t.Errorf("names by the route %v: a Secret that is bound to no host is kept back (%v)", byRoute, err)
		}
	}
}
