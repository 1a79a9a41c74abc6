package jwt

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"
	"time"
)

// common is a token as providers make them: RS256, of about 1 KiB.
func common(t testing.TB, key pair) string {
	return key.sign(t, "RS256", says(map[string]any{
		"email": "ada@example.com", "scope": "openid profile orders:read orders:write", "azp": "web", "jti": strings.Repeat("j", 36),
		"realm_access": map[string]any{"roles": []string{"reader", "writer", "offline_access", "uma_authorization"}}, "sid": strings.Repeat("s", 36),
		"preferred_username": "ada", "name": "Ada Lovelace", "locale": "en", "session": strings.Repeat("x", 100),
	}), map[string]any{"typ": "JWT"})
}

// What it takes to find out who a token is of, beside the verification of its signature alone:
// docs/benchmarks.md has the bounds of both.
func BenchmarkToken(b *testing.B) {
	key := newRSA(b, "rsa", 2048)
	issuer, digests := holding(b, config(), key.published(b, nil)), NewDigests()
	compact := common(b, key)
	if _, verdict, _ := issuer.Judge(b.Context(), Parse(compact), digests.Of(compact)); verdict != Admitted {
		b.Fatal(verdict)
	}
	b.Run("judged before", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if issuer.Recall(digests.Of(compact), time.Now()) == nil {
				b.Fatal("it is not remembered")
			}
		}
	})
	public, signed := &key.private.(*rsa.PrivateKey).PublicKey, compact[:strings.LastIndexByte(compact, '.')]
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, key.private.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("new", func(b *testing.B) { // in turns with its signature alone: what else the machine does is in both
		b.ReportAllocs()
		var alone, whole time.Duration
		for b.Loop() {
			begun := time.Now()
			if rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) != nil {
				b.Fatal("it is wrong")
			}
			verified := time.Now()
			if _, verdict, _ := issuer.Judge(b.Context(), Parse(compact), digests.Of(compact)); verdict != Admitted {
				b.Fatal(verdict)
			}
			alone, whole = alone+verified.Sub(begun), whole+time.Since(verified)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(alone.Nanoseconds())/float64(b.N), "signature-ns/op")
		b.ReportMetric(float64(whole.Nanoseconds())/float64(b.N), "token-ns/op")
		b.ReportMetric(float64(whole)/float64(alone), "signatures/op")
	})
}

// A token that was judged before costs no memory.
func TestTokensOfBeforeAllocateNothing(t *testing.T) { // alone: it counts allocations
	key := newEd(t, "one")
	issuer, digests := holding(t, config(), key.published(t, nil)), NewDigests()
	compact := lasting(t, key, "EdDSA")
	if _, verdict, _ := issuer.Judge(t.Context(), Parse(compact), digests.Of(compact)); verdict != Admitted {
		t.Fatal(verdict)
	}
	if n := testing.AllocsPerRun(100, func() {
		if issuer.Recall(digests.Of(compact), time.Now()) == nil {
			t.Error("it is not remembered")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	long := compact + strings.Repeat("x", MaxToken)
	if of := digests.Of(long); of == digests.Of(compact) || of != digests.Of(strings.Clone(long)) || NewDigests().Of(compact) == digests.Of(compact) {
		t.Error("digests do not tell tokens apart")
	}
}
