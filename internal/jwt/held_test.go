package jwt

import (
	"crypto/sha256"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// mounted is an issuer whose keys are in a ConfigMap.
type mounted struct {
	*Issuer

	tree  *testkit.Secrets
	store *creds.Store
}

func newMounted(t *testing.T, modify ...func(*routeconfig.CallerJWT)) *mounted {
	t.Helper()
	m := &mounted{tree: testkit.NewSecrets(t)}
	m.store = creds.NewStore(creds.Options{Tree: os.DirFS(m.tree.Dir)})
	m.Issuer = m.believing(modify...)
	m.Start()
	return m
}

func (m *mounted) believing(modify ...func(*routeconfig.CallerJWT)) *Issuer {
	at := routeconfig.ConfigMapKey{Name: "keys", Key: "jwks.json"}
	modify = append(modify, func(c *routeconfig.CallerJWT) { c.JWKSURI, c.JWKS = "", &at })
	return New(Options{Config: config(modify...), Keys: Keys(m.store, "shop", at), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

func (m *mounted) mount(t *testing.T, keys map[string]string) {
	t.Helper()
	m.tree.Mount("shop", "_keys", keys)
	if !m.store.Reload([]string{"shop/_keys"}) {
		t.Fatal("it is not settled")
	}
}

func (m *mounted) want(t *testing.T, when, compact string, want Verdict) {
	t.Helper()
	if _, got := judge(t, m.Issuer, compact); got != want {
		t.Errorf("%s: %d, want %d", when, got, want)
	}
	if known := m.Recall(Digest(sha256.Sum256([]byte(compact))), time.Now()); (known != nil) != (want == Admitted) {
		t.Errorf("%s: remembered is %v", when, known)
	}
}

// Keys in a ConfigMap are those that it has now. One that is taken out, and all where it is
// emptied or deleted, admits nobody any more; what is no set keeps the last good one, for 24 h.
func TestKeysInAConfigMap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, two := newEd(t, "one"), newEd(t, "two")
		m := newMounted(t)
		defer m.Close()
		of := func(keys ...map[string]any) map[string]string {
			return map[string]string{"jwks.json": string(setOf(t, keys...)) + "\n"}
		}
		state := func(when string, want State) {
			t.Helper()
			if got := m.State(time.Now()); got != want {
				t.Errorf("%s: %+v, want %+v", when, got, want)
			}
		}
		byOne, byTwo := lasting(t, one, "EdDSA"), lasting(t, two, "EdDSA")
		begun := time.Now()
		m.want(t, "without a ConfigMap", byOne, Unjudged)
		if time.Since(begun) != 0 {
			t.Errorf("it waited for %s", time.Since(begun))
		}
		state("without a ConfigMap", State{Never: true})
		m.mount(t, of(one.published(t, nil)))
		m.want(t, "one key", byOne, Admitted)
		m.want(t, "an unknown key", byTwo, Refused)
		state("one key", State{Keys: 1})
		m.mount(t, of(one.published(t, nil), two.published(t, nil)))
		m.want(t, "the key of before", byOne, Admitted)
		m.want(t, "the key that came", byTwo, Admitted)
		m.mount(t, of(two.published(t, nil)))
		m.want(t, "a key that is taken out", byOne, Refused)
		m.want(t, "the one that stays", byTwo, Admitted)
		m.mount(t, map[string]string{"jwks.json": `{"keys":{}}`})
		time.Sleep(MaxAge)
		m.want(t, "a broken set", byTwo, Admitted)
		state("a broken set", State{Keys: 1, Age: MaxAge, Problem: "keys: their ConfigMap cannot be used"})
		time.Sleep(time.Second)
		m.want(t, "a broken set after a day", byTwo, Unjudged)
		m.mount(t, of())
		m.want(t, "an empty set", byTwo, Refused)
		state("an empty set", State{Problem: noneOfUse})
		m.mount(t, of(two.published(t, nil)))
		m.want(t, "repaired", byTwo, Admitted)
		m.mount(t, map[string]string{"other": "{}"})
		m.want(t, "a ConfigMap without the key", byTwo, Unjudged)
		state("a ConfigMap without the key", State{Never: true})
		if m.lifetime.Err() != nil || m.over != nil || !m.asked.IsZero() {
			t.Error("something was fetched")
		}
	})
}

// Two issuers may have one ConfigMap: what one has admitted is nothing to the other.
func TestVerdictsAreOfOneIssuer(t *testing.T) {
	t.Parallel()
	one := newEd(t, "one")
	m := newMounted(t)
	m.mount(t, map[string]string{"jwks.json": string(setOf(t, one.published(t, nil)))})
	other := m.believing(func(c *routeconfig.CallerJWT) { c.Audiences = []string{"billing"} })
	compact := lasting(t, one, "EdDSA")
	m.want(t, "the audience", compact, Admitted)
	if other.Recall(Digest(sha256.Sum256([]byte(compact))), time.Now()) != nil {
		t.Error("a token for another audience is remembered")
	}
	if _, got := judge(t, other, compact); got != Refused {
		t.Errorf("a token for another audience: %d", got)
	}
}

// Who has no name is believed by the keys alone; with a name iss must say it.
func TestIssuersWithoutAName(t *testing.T) {
	t.Parallel()
	one := newEd(t, "one")
	for name, want := range map[string]Verdict{"": Admitted, "https://idp.example": Refused} {
		m := newMounted(t, func(c *routeconfig.CallerJWT) { c.Issuer = name })
		m.mount(t, map[string]string{"jwks.json": string(setOf(t, one.published(t, nil)))})
		m.want(t, "of another issuer", one.sign(t, "EdDSA", says(map[string]any{"iss": "https://other.example"}), nil), want)
		m.want(t, "of no issuer", one.sign(t, "EdDSA", says(map[string]any{"iss": nil}), nil), want)
		m.want(t, "for another audience", one.sign(t, "EdDSA", says(map[string]any{"aud": "x"}), nil), Refused)
		m.want(t, "by another key", newEd(t, "one").sign(t, "EdDSA", says(nil), nil), Refused)
	}
}

// What stands in a ConfigMap and is no set is told in words of ours.
func TestTextsThatAreNoSet(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "[]", `{"keys":1}`, "-----BEGIN PUBLIC KEY-----"} {
		if _, err := ParseSet(text); err == nil || !strings.Contains(err.Error(), "it is no JWK Set (RFC 7517, section 5)") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if s, err := ParseSet(string(setOf(t, newEd(t, "a").published(t, nil), map[string]any{"kty": "oct", "k": "AAAA"}))); err != nil || s.Usable() != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}
