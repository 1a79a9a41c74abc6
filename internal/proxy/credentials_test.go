package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

func credential(c routeconfig.Credential) func(*routeconfig.Backend) {
	return func(b *routeconfig.Backend) { b.Credential = &c }
}

func apiKey() func(*routeconfig.Backend) {
	return credential(routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "key", Key: "key", Header: "X-Api-Key"})
}

// guarded answers 401 to every request without one of the keys, and keeps when
// each was first seen.
type guarded struct {
	mu    sync.Mutex
	valid []string
	first map[string]time.Time
}

func (g *guarded) handler(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := r.Header.Get("X-Api-Key")
	if g.first == nil {
		g.first = map[string]time.Time{}
	}
	if _, ok := g.first[key]; !ok {
		g.first[key] = time.Now()
	}
	if !slices.Contains(g.valid, key) {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func (g *guarded) firstUse(key string) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.first[key]
}

// Case E1 of the field.
func TestE1RotationUnderLoad(t *testing.T) {
	t.Parallel()
	g := &guarded{valid: []string{"key-0"}}
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "key-0\n"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{AccessLogSample: 1 << 30}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", testkit.NewBackend(t, g.handler).URL, apiKey()))))
	stop := load(p)
	var took []time.Duration
	for i := 1; i <= 10; i++ {
		key := fmt.Sprintf("key-%d", i)
		g.mu.Lock()
		g.valid = append(g.valid, key)
		g.mu.Unlock()
		rotated := time.Now()
		secrets.Mount(testkit.Namespace, "key", map[string]string{"key": key + "\n"})
		testkit.Eventually(t, "the new key is used", func() bool { return !g.firstUse(key).IsZero() })
		took = append(took, g.firstUse(key).Sub(rotated))
	}
	calls, failed := stop()
	slices.Sort(took)
	t.Logf("%d calls, first use of a rotated key after %v (median), %v (max)", calls, took[len(took)/2], took[len(took)-1])
	if failed > 0 || took[len(took)-1] > time.Second {
		t.Errorf("%d of %d calls failed; the slowest rotation took %v, want none and under 1 s", failed, calls, took[len(took)-1])
	}
}

func TestBadRotationsKeepTheLastGoodValue(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	b := testkit.NewBackend(t, nil)
	secrets.Mount(testkit.Namespace, "basic", map[string]string{"username": "me", "password": "old"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", b.URL, credential(routeconfig.Credential{Type: routeconfig.CredentialBasic, Secret: "basic"})))))
	for name, row := range map[string]struct {
		keys map[string]string
		key  string // none for the Secret as a whole (R12)
	}{
		"missing": {map[string]string{}, ""}, "empty": {map[string]string{"username": "me", "password": ""}, "password"},
		"unpaired": {map[string]string{"username": "other"}, "password"},
	} {
		secrets.Mount(testkit.Namespace, "basic", row.keys)
		testkit.Eventually(t, "Secret and key are reported", func() bool {
			return strings.Contains(p.Ask("/status").Body, `"secret":"basic","key":"`+row.key+`","backend":"one","stale":true`)
		})
		p.Do("POST", "orders", "/", "{}")
		if user, password, _ := basic(b.Last(t)); user != "me" || password != "old" {
			t.Errorf("%s: the backend got %q:%q", name, user, password)
		}
	}
	secrets.Mount(testkit.Namespace, "basic", map[string]string{"username": "me", "password": "new"})
	testkit.Eventually(t, "the new value is used", func() bool {
		p.Do("POST", "orders", "/", "{}")
		_, password, _ := basic(b.Last(t))
		return password == "new"
	})
	if strings.Contains(p.Ask("/status").Body, "missing") {
		t.Errorf("/status still complains: %s", p.Ask("/status").Body)
	}
}

func basic(r testkit.Request) (user, password string, ok bool) {
	return (&http.Request{Header: r.Header}).BasicAuth()
}

func TestMissingSecretFailsItsBackendAndHeals(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", b.URL, apiKey()), testkit.Receiver("two", b.URL)), policy("BestEffort", 0)))
	r := p.Do("POST", "orders", "/", "{}")
	if r.Status != 207 || !strings.Contains(r.Header.Get("Fanout-Backends"), "one;outcome=failed;reason=credential") || b.Count() != 1 {
		t.Errorf("got %d %s, %d requests", r.Status, r.Header.Get("Fanout-Backends"), b.Count())
	}
	p.Secrets.Write(testkit.Namespace, "key", "key", "value\n")
	testkit.Eventually(t, "the route heals", func() bool { return p.Do("POST", "orders", "/", "{}").Status == 200 })
}

// A Secret that says where it may be sent is sent nowhere else.
func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	b := testkit.NewBackend(t, nil)
	host := strings.TrimPrefix(b.URL, "http://")
	name, _, _ := strings.Cut(host, ":")
	for label, row := range map[string]struct {
		allowed string
		require bool
		sent    bool
	}{
		"this host and port": {allowed: host, sent: true}, "this host": {allowed: "other\n" + name + "\n", sent: true},
		"another": {allowed: "other:80"}, "this host, another port": {allowed: name + ":1"}, "empty": {allowed: "\n"},
		"without the key": {sent: true}, "without the key where it is required": {require: true},
	} {
		keys := map[string]string{"key": "v"}
		if row.allowed != "" {
			keys["allowedHosts"] = row.allowed
		}
		secrets.Mount(testkit.Namespace, "key", keys)
		p := proxytest.ServeWith(t, secrets, proxy.Options{RequireAllowedHosts: row.require},
			testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, apiKey()))))
		before := b.Count()
		r := p.Do("POST", "orders", "/", "{}")
		if sent := b.Count() > before; sent != row.sent || (r.Status == 200) != row.sent {
			t.Errorf("%s: sent %v, status %d; want sent %v", label, sent, r.Status, row.sent)
		}
	}
}

func TestCredentialsReplaceTheCallers(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "key", map[string]string{"key": "ours-7f3a&=", "token": "t"})
	query, bearer := testkit.NewBackend(t, nil), testkit.NewBackend(t, nil)
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("query", query.URL, credential(routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "key", Key: "key", Query: "api_key"})),
		testkit.Receiver("bearer", bearer.URL, credential(routeconfig.Credential{Type: routeconfig.CredentialBearer, Secret: "key"})))))
	p.Do("POST", "orders", "/?a=1&api%5Fkey=theirs&b", "{}", "Authorization", "Bearer theirs")
	if got := query.Last(t).Target; got != "/?a=1&b&api_key=ours-7f3a%26%3D" {
		t.Errorf("target is %q", got)
	}
	if got := bearer.Last(t).Header["Authorization"]; !slices.Equal(got, []string{"Bearer t"}) {
		t.Errorf("Authorization is %q", got)
	}
	for _, secret := range []string{"ours-7f3a", "theirs"} {
		if strings.Contains(p.Log.String()+p.Ask("/status").Body+p.Ask("/metrics").Body, secret) {
			t.Errorf("log, status or metrics show %q", secret)
		}
	}
}

// tokenServer issues t1, t2, … with what a test says of their life.
type tokenServer struct {
	*testkit.Backend

	issued atomic.Int64
}

func newTokenServer(t *testing.T, life string, before func(w http.ResponseWriter) bool) *tokenServer {
	t.Helper()
	s := &tokenServer{}
	s.Backend = testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		if before != nil && !before(w) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer"%s}`, s.issued.Add(1), life)
	})
	return s
}

func (s *tokenServer) serve(t *testing.T, backend string, modify ...func(*routeconfig.Route)) *proxytest.Proxy {
	t.Helper()
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "id", "client_secret": "se cret"})
	return proxytest.ServeWith(t, secrets, proxy.Options{AccessLogSample: 1 << 30}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", backend, credential(routeconfig.Credential{
			Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: s.URL + "/token", Scopes: []string{"write", "read"},
		}))), modify...))
}

// Case E3 of the field.
func TestE3LifeOfATokenWithOddExpiry(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		life string
		want int64
	}{
		"no expires_in": {``, 1}, "0": {`,"expires_in":0`, 1}, "negative": {`,"expires_in":-5`, 1},
		"a string": {`,"expires_in":"3600"`, 1}, "an hour": {`,"expires_in":3600`, 1},
	} {
		s := newTokenServer(t, row.life, nil)
		b := testkit.NewBackend(t, nil)
		p := s.serve(t, b.URL)
		for range 20 {
			if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
				t.Errorf("%s: status %d %s", name, r.Status, r.Body)
			}
		}
		if got := s.issued.Load(); got != row.want || b.Last(t).Header.Get("Authorization") != "Bearer t1" {
			t.Errorf("%s: %d tokens for 20 calls, want %d", name, got, row.want)
		}
	}
}

// Case E3 of the field.
func TestE3ShortLivedTokenIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	s := newTokenServer(t, `,"expires_in":1`, nil)
	p := s.serve(t, testkit.NewBackend(t, nil).URL)
	end := time.Now().Add(2500 * time.Millisecond)
	for time.Now().Before(end) {
		if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
			t.Errorf("status %d %s", r.Status, r.Body)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := s.issued.Load(); n < 2 || n > 5 {
		t.Errorf("%d tokens of 1 s in 2.5 s, want 2 to 5", n)
	}
}

// Case E3 of the field.
func TestE3H1TokenRequest(t *testing.T) {
	t.Parallel()
	s := newTokenServer(t, "", nil)
	p := s.serve(t, testkit.NewBackend(t, nil).URL)
	p.Do("POST", "orders", "/", "{}")
	got := s.Last(t)
	if user, password, _ := basic(got); user != "id" || password != "se+cret" {
		t.Errorf("client is %q:%q, want it form-encoded (RFC 6749, section 2.3.1)", user, password)
	}
	if string(got.Body) != "grant_type=client_credentials&scope=write+read" {
		t.Errorf("body is %q", got.Body)
	}
}

// Case E3 of the field.
func TestE3RefusedTokens(t *testing.T) {
	t.Parallel()
	for code, row := range map[int]struct {
		status int
		issued int64
	}{401: {200, 2}, 403: {502, 1}} {
		s := newTokenServer(t, "", nil)
		b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer t1" {
				w.WriteHeader(code)
			}
		})
		p := s.serve(t, b.URL)
		if r := p.Do("POST", "orders", "/", "body"); r.Status != row.status || s.issued.Load() != row.issued || string(b.Last(t).Body) != "body" {
			t.Errorf("%d on use: status %d after %d tokens, want %d after %d", code, r.Status, s.issued.Load(), row.status, row.issued)
		}
	}
}

// Case E3 of the field.
func TestE3BackendThatRefusesEveryTokenEndsTheCall(t *testing.T) {
	t.Parallel()
	s := newTokenServer(t, "", nil)
	b := testkit.NewBackend(t, status(401))
	p := s.serve(t, b.URL)
	r := p.Do("POST", "orders", "/", "{}")
	if r.Status != 502 || b.Count() != 2 || !strings.Contains(r.Header.Get("Fanout-Backends"), "reason=status;status=401") {
		t.Errorf("status %d after %d attempts, %s; want 502 after 2", r.Status, b.Count(), r.Header.Get("Fanout-Backends"))
	}
}

// Case E3 of the field.
func TestE3BrokenTokenServers(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(http.ResponseWriter) bool{
		"500":      func(w http.ResponseWriter) bool { w.WriteHeader(500); return false },
		"redirect": func(w http.ResponseWriter) bool { w.Header().Set("Location", "/"); w.WriteHeader(307); return false },
		"no JSON":  func(w http.ResponseWriter) bool { _, _ = io.WriteString(w, "<html>"); return false },
		"too large": func(w http.ResponseWriter) bool {
			_, _ = w.Write(make([]byte, 3<<20))
			return false
		},
	} {
		s := newTokenServer(t, "", before)
		b := testkit.NewBackend(t, nil)
		p := s.serve(t, b.URL)
		for range 10 {
			r := p.Do("POST", "orders", "/", "{}")
			if r.Status != 502 || !strings.Contains(r.Header.Get("Fanout-Backends"), "reason=credential") {
				t.Errorf("%s: %d %s", name, r.Status, r.Header.Get("Fanout-Backends"))
			}
		}
		if b.Count() != 0 || s.Count() != 1 {
			t.Errorf("%s: the backend was asked %d times, the token server %d times; want 0 and once, its failure is remembered", name, b.Count(), s.Count())
		}
	}
}

// Case E3 of the field.
func TestE3SlowTokenServerIsATimeoutOfTheBackend(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newTokenServer(t, "", func(http.ResponseWriter) bool { <-release; return true })
	p := s.serve(t, testkit.NewBackend(t, nil).URL, func(r *routeconfig.Route) { r.Backends[0].Timeout = testkit.Span(100 * time.Millisecond) })
	r := p.Do("POST", "orders", "/", "{}")
	if r.Status != 504 || !strings.Contains(r.Header.Get("Fanout-Backends"), "reason=timeout") {
		t.Errorf("%d %s, want 504 and timeout", r.Status, r.Header.Get("Fanout-Backends"))
	}
	close(release)
	testkit.Eventually(t, "the token that came late serves", func() bool { return p.Do("POST", "orders", "/", "{}").Status == 200 })
}

// Case E3 of the field.
func TestE3OneTokenForAThousandCalls(t *testing.T) {
	t.Parallel()
	s := newTokenServer(t, "", func(http.ResponseWriter) bool { time.Sleep(100 * time.Millisecond); return true })
	p := s.serve(t, testkit.NewBackend(t, nil).URL, func(r *routeconfig.Route) { // however slow the machine is
		r.Dispatch.Timeout, r.Backends[0].Timeout = testkit.Span(time.Minute), testkit.Span(time.Minute)
	})
	var running sync.WaitGroup
	var failed atomic.Int64
	var said atomic.Value
	for range 1000 {
		running.Go(func() {
			if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
				failed.Add(1)
				said.Store(r.Header.Get("Fanout-Backends") + r.Body)
			}
		})
	}
	running.Wait()
	if s.issued.Load() != 1 || failed.Load() > 0 {
		t.Errorf("%d token requests for 1,000 calls at once, %d failed (%v); want one and none", s.issued.Load(), failed.Load(), said.Load())
	}
}

// Case E1 of the field.
func TestE1RotatedClientGetsATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newTokenServer(t, `,"expires_in":3600`, nil)
	p := s.serve(t, testkit.NewBackend(t, nil).URL)
	p.Do("POST", "orders", "/", "{}")
	p.Secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "id", "client_secret": "rotated"})
	testkit.Eventually(t, "the new client asks for a token", func() bool {
		if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
			t.Errorf("status %d during the rotation", r.Status)
		}
		_, password, _ := basic(s.Last(t))
		return password == "rotated"
	})
}
