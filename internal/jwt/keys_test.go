package jwt

import (
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// Keys are for what they say that they are for, and of a type that we use. Those that say
// nothing are for whatever their type fits, as many issuers publish them.
func TestKeysOfASet(t *testing.T) {
	t.Parallel()
	key, ec, ed := newRSA(t, "k", 2048), newEC(t, "k", elliptic.P256()), newEd(t, "k")
	secret, _ := jwk.Import([]byte("0123456789abcdef0123456789abcdef"))
	symmetric, _ := json.Marshal(secret)
	private, _ := jwk.Import(ed.private)
	lost, _ := json.Marshal(private)
	raw := func(b []byte) (m map[string]any) {
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	more := func(members ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(members); i += 2 {
			m[members[i].(string)] = members[i+1]
		}
		return m
	}
	for name, row := range map[string]struct {
		published map[string]any
		takes     string
	}{
		"RSA":                         {key.published(t, nil), "RS256 RS384 RS512 PS256 PS384 PS512"},
		"RSA for one":                 {key.published(t, more("alg", "PS256")), "PS256"},
		"RSA for signatures":          {key.published(t, more("use", "sig")), "RS256 RS384 RS512 PS256 PS384 PS512"},
		"RSA for encryption":          {key.published(t, more("use", "enc")), ""},
		"RSA for encryption, by alg":  {key.published(t, more("alg", "RSA-OAEP")), ""},
		"RSA to verify":               {key.published(t, more("key_ops", []string{"verify"})), "RS256 RS384 RS512 PS256 PS384 PS512"},
		"RSA to wrap":                 {key.published(t, more("key_ops", []string{"wrapKey"})), ""},
		"RSA with a certificate":      {key.published(t, more("x5t", "dGVzdA")), "RS256 RS384 RS512 PS256 PS384 PS512"},
		"RSA of 1024 bits":            {more("kty", "RSA", "e", "AQAB", "n", encode("\xff"+strings.Repeat("x", 126)+"\x01")), ""},
		"P-256":                       {ec.published(t, nil), "ES256"},
		"P-384":                       {newEC(t, "k", elliptic.P384()).published(t, nil), "ES384"},
		"P-521":                       {newEC(t, "k", elliptic.P521()).published(t, nil), "ES512"},
		"P-256 for another curve":     {ec.published(t, more("alg", "ES384")), ""},
		"Ed25519":                     {ed.published(t, nil), "EdDSA Ed25519"},
		"Ed25519 for EdDSA":           {ed.published(t, more("alg", "EdDSA")), "EdDSA Ed25519"},
		"Ed25519 for Ed25519":         {ed.published(t, more("alg", "Ed25519")), "EdDSA Ed25519"},
		"a point that is on no curve": {ec.published(t, more("x", "AAAA")), ""},
		"a secret":                    {raw(symmetric), ""},
		"a private key":               {raw(lost), ""},
		"X25519":                      {more("kty", "OKP", "crv", "X25519", "x", strings.Repeat("A", 43)), ""},
		"an unknown type":             {more("kty", "AKP", "alg", "ML-DSA-44", "pub", "AAAA"), ""},
		"no type":                     {more("kid", "k"), ""},
	} {
		s, err := parseSet(setOf(t, row.published, ec.published(t, nil)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		takes := []string{}
		for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "HS256", "none"} {
			if len(s.keys) == 2 && s.keys[0].takes(alg) {
				takes = append(takes, alg)
			}
		}
		if got := strings.Join(takes, " "); got != row.takes || len(s.keys) != len(s.names) {
			t.Errorf("%s is for %q, want %q; %d keys", name, got, row.takes, len(s.keys))
		}
	}
}

func TestSetsThatAreNone(t *testing.T) {
	t.Parallel()
	many := make([]map[string]any, maxKeys+1)
	for i := range many {
		many[i] = map[string]any{}
	}
	for name, raw := range map[string]string{
		"nothing": "", "HTML": "<html>", "a list": "[]", "no keys": "{}", "keys of null": `{"keys":null}`, "keys in an object": `{"keys":{}}`,
		"a key that is a text is one key less": `{"keys":["x"`, "too many": string(setOf(t, many...)),
	} {
		if s, err := parseSet([]byte(raw)); err == nil {
			t.Errorf("%s: %d keys", name, len(s.keys))
		}
	}
	if s, err := parseSet(setOf(t)); err != nil || len(s.keys) != 0 {
		t.Errorf("no key at all: %v", err)
	}
	if s, err := parseSet(setOf(t, many[1:]...)); err != nil || len(s.keys) != 0 {
		t.Errorf("as many as there may be: %v", err)
	}
}

// A token names its key, where both have names; of others a few are tried.
func TestCandidates(t *testing.T) {
	t.Parallel()
	var published []map[string]any
	for i := range 12 {
		published = append(published, newEd(t, fmt.Sprint(i)).published(t, nil))
	}
	s, err := parseSet(setOf(t, append(published, newEd(t, "").published(t, nil))...))
	if err != nil {
		t.Fatal(err)
	}
	for kid, want := range map[string]int{"3": 1, "": maxTried, "x": 1} {
		list, byName := s.candidates(&Token{alg: "EdDSA", kid: kid})
		if len(list) != want || byName != (kid == "3") || kid == "3" && list[0].id != "3" || kid == "x" && list[0].id != "" {
			t.Errorf("for %q: %d keys, want %d", kid, len(list), want)
		}
	}
	if list, _ := s.candidates(&Token{alg: "ES256", kid: "3"}); len(list) != 0 {
		t.Errorf("for another algorithm: %d keys", len(list))
	}
}

// What is remembered is bounded, whoever fills it, and ends with the token.
func TestVerdictsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	v := &verdicts{}
	digest := func(n int) (d Digest) {
		copy(d[:], fmt.Sprint(n))
		return d
	}
	v.remember(digest(0), &Caller{Name: "short", until: now.Add(time.Second)}, now)
	if c := v.recall(digest(0), now); c == nil || c.Name != "short" {
		t.Fatal("it is not remembered")
	}
	if v.recall(digest(0), now.Add(time.Second)) != nil || v.recall(digest(1), now) != nil {
		t.Error("it is remembered beyond its end, or for another token")
	}
	for n := range 3 * maxVerdicts {
		v.remember(digest(n), &Caller{Name: "x", until: now.Add(time.Hour)}, now)
	}
	if len(v.known) != maxVerdicts || v.recall(digest(3*maxVerdicts-1), now) == nil {
		t.Errorf("%d are remembered", len(v.known))
	}
	large := &Caller{Claims: make([]byte, maxBytes/4), until: now.Add(time.Hour)}
	for n := range 10 {
		v.remember(digest(n), large, now)
		v.remember(digest(n), large, now)
	}
	sum := 0
	for _, c := range v.known {
		sum += c.size()
	}
	if v.bytes != sum || sum > maxBytes || len(v.known) == 0 {
		t.Errorf("%d bytes are counted, %d taken", v.bytes, sum)
	}
	v = &verdicts{}
	for n := range maxVerdicts - 1 {
		v.remember(digest(n), &Caller{until: now.Add(time.Second)}, now)
	}
	stays := digest(maxVerdicts)
	later := now.Add(2 * time.Second)
	v.remember(stays, &Caller{until: later.Add(time.Hour)}, now)
	for n := range 400 { // each makes room of what has ended
		v.remember(digest(2*maxVerdicts+n), &Caller{until: later.Add(time.Hour)}, later)
	}
	if len(v.known) > maxVerdicts {
		t.Errorf("%d are remembered", len(v.known))
	}
}
