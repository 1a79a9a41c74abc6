package gate

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/bcrypt"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func line(t testing.TB, name, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return name + ":" + string(hash) + "\n"
}

func basic(name, password string) func(*http.Request) {
	return with("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
}

// knowing is a gate that knows callers by API keys and by passwords.
func knowing(t *testing.T) *Gate {
	return newGate(t, func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{
			APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}, Basic: &routeconfig.CallerBasic{Secret: "users"},
		}
	})
}

func TestCallersAreKnownByAnyProof(t *testing.T) {
	t.Parallel()
	g := knowing(t)
	for name, row := range map[string]struct {
		shown []func(*http.Request)
		want  string
	}{
		"nothing":                     {nil, ""},
		"a password":                  {[]func(*http.Request){basic("ada", "secret")}, "ada"},
		"the same again":              {[]func(*http.Request){basic("ada", "secret")}, "ada"},
		"a password with colons":      {[]func(*http.Request){basic("bob", "a:b:")}, "bob"},
		"the scheme in another case":  {[]func(*http.Request){with("Authorization", "bAsIc YWRhOnNlY3JldA==")}, "ada"},
		"a wrong password":            {[]func(*http.Request){basic("ada", "Secret")}, ""},
		"nobody's":                    {[]func(*http.Request){basic("eve", "secret")}, ""},
		"no password":                 {[]func(*http.Request){basic("ada", "")}, ""},
		"no colon":                    {[]func(*http.Request){with("Authorization", "Basic YWRh")}, ""},
		"no Base64":                   {[]func(*http.Request){with("Authorization", "Basic !")}, ""},
		"another scheme":              {[]func(*http.Request){with("Authorization", "Bearer YWRhOnNlY3JldA==")}, ""},
		"two lines, one of them good": {[]func(*http.Request){basic("ada", "secret"), basic("ada", "guess")}, ""},
		"a key, and a wrong password": {[]func(*http.Request){with("X-API-Key", "web-key"), basic("ada", "guess")}, "web"},
		"a wrong key, and a password": {[]func(*http.Request){with("X-API-Key", "guess"), basic("ada", "secret")}, "ada"},
		"a key and a password":        {[]func(*http.Request){with("X-API-Key", "web-key"), basic("ada", "secret")}, "web"},
	} {
		_, refusal, known := admit(g, "GET", "/", row.shown...)
		if known.Caller != row.want || (refusal == nil) != (row.want != "") {
			t.Errorf("%s: caller %q (%+v), want %q", name, known.Caller, refusal, row.want)
		}
		if row.want != "" {
			continue
		}
		want := []string{`ApiKey realm="fanout", header="X-Api-Key"`, `Basic realm="fanout", charset="UTF-8"`}
		if refusal.Status != 401 || refusal.Field != "Www-Authenticate" || !slices.Equal(refusal.Values, want) ||
			refusal.Detail != "authentication of the route asks for a valid API key in X-Api-Key, or a user's name and password" {
			t.Errorf("%s: %+v", name, refusal)
		}
	}
}

// slow is a password whose judgement ends when the test says so.
func slow(n byte, address string, end <-chan struct{}, judged *atomic.Int32) *hash {
	h := &hash{of: hashed{shown: creds.Digest{n}}, address: netip.MustParseAddr(address), on: testkit.Account()}
	h.compute = func() creds.Verdict {
		judged.Add(1)
		<-end
		return creds.Right
	}
	return h
}

// A thousand calls with a password that nobody has judged yet cost one judgement.
func TestAPasswordIsJudgedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, end, judged, in := NewHashing(), make(chan struct{}), atomic.Int32{}, atomic.Int32{}
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				if h.judge(t.Context(), slow(1, "10.0.0.1", end, &judged)) == creds.Right {
					in.Add(1)
				}
			})
		}
		synctest.Wait()
		close(end)
		calls.Wait()
		if judged.Load() != 1 || in.Load() != 1000 {
			t.Errorf("%d calls are in after %d judgements, want 1000 after 1", in.Load(), judged.Load())
		}
	})
}

// One is judged at a time, and so many wait, whoever they are: a client has half of the room.
func TestRoomForPasswords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, end, judged, out := NewHashing(), make(chan struct{}), atomic.Int32{}, atomic.Int32{}
		var calls sync.WaitGroup
		n := byte(0)
		show := func(address string, times int) {
			for range times {
				n++
				fresh := slow(n, address, end, &judged)
				calls.Go(func() {
					if h.judge(t.Context(), fresh) == creds.Unjudged {
						out.Add(1)
					}
				})
			}
			synctest.Wait()
		}
		show("10.0.0.1", maxHashes)
		if out.Load() != maxHashes-maxOfAddress || judged.Load() != 1 {
			t.Errorf("of one client's %d are out, %d are being judged", out.Load(), judged.Load())
		}
		show("10.0.0.2", maxOfAddress)
		if out.Load() != maxHashes-maxOfAddress {
			t.Error("one client has taken the room of another")
		}
		show("10.0.0.3", 1)
		if out.Load() != maxHashes-maxOfAddress+1 {
			t.Error("there is room for more than there is")
		}
		close(end)
		calls.Wait()
		if len(h.pending) != 0 || len(h.addresses) != 0 || judged.Load() != maxHashes {
			t.Errorf("%d are left, of %d clients; %d were judged", len(h.pending), len(h.addresses), judged.Load())
		}
	})
}

// A call that ends while it waits gives its place back, and others that wait for the same
// password wait on.
func TestWhoWaitsForAPasswordLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, end, judged, in := NewHashing(), make(chan struct{}), atomic.Int32{}, atomic.Int32{}
		ctx, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		show := func(ctx context.Context, n byte) {
			calls.Go(func() {
				if h.judge(ctx, slow(n, "10.0.0.1", end, &judged)) == creds.Right {
					in.Add(1)
				}
			})
			synctest.Wait()
		}
		show(t.Context(), 1) // is being judged
		show(ctx, 1)
		show(ctx, 2)
		show(t.Context(), 2)
		show(ctx, 3)
		if len(h.pending) != 3 {
			t.Errorf("%d wait", len(h.pending))
		}
		cancel()
		synctest.Wait()
		if len(h.pending) != 2 {
			t.Errorf("%d are left, want two passwords", len(h.pending))
		}
		close(end)
		calls.Wait()
		if judged.Load() != 2 || in.Load() != 2 || len(h.pending) != 0 {
			t.Errorf("%d were judged, %d are in, %d are left", judged.Load(), in.Load(), len(h.pending))
		}
	})
}

// Who could not be judged is asked to come back, unless another proof lets him in.
func TestUnjudgedCallersComeBack(t *testing.T) {
	t.Parallel()
	g := knowing(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	leaving := func(r *http.Request) { *r = *r.WithContext(gone) }
	hold := g.proofs[1].(*passwords).hashing
	hold.turn <- struct{}{}
	_, refusal, _ := admit(g, "GET", "/", basic("ada", "secret"), leaving)
	if refusal == nil || refusal.Status != 503 || refusal.Field != "Retry-After" || refusal.Kind.Slug() != "caller-unjudged" {
		t.Errorf("%+v, want 503 with Retry-After", refusal)
	}
	if _, refusal, known := admit(g, "GET", "/", basic("ada", "secret"), leaving, with("X-API-Key", "web-key")); known.Caller != "web" {
		t.Errorf("with a key, too: %+v", refusal)
	}
}
